package config

const (
	noJVM    = "here: it tunes the original's JVM, threads or network library"
	noSASL   = "here: it tunes SASL, which this server does not speak yet"
	noClient = "here: it is a setting of clients"
)

// meaningless are the keys that change nothing here, by the reason. The reason completes "has no meaning …".
var meaningless = []struct{ why, names string }{
	{"here: it tunes how the original's threads and sockets between servers work", `quorum.cnxn.threads.size
		learner.closeSocketAsync leader.closeSocketAsync learner.asyncSending follower.nodelay leader.nodelay
		forward_learner_requests_to_commit_processor_disabled follower.skipLearnerRequestToNextProcessor
		observerMaster.sizeLimit`},
	{"here: ack_latency measures all acknowledgements", `leader.ackLoggingFrequency`},
	{"here: all addresses of a server are tried, at each connection", `multiAddress.reachabilityCheckTimeoutMs multiAddress.reachabilityCheckEnabled`},
	{"here: dead connections between servers are found by syncLimit and tcpKeepAlive", `quorumCnxnTimeoutMs`},
	{"here: connecting again is tried at growing intervals, within initLimit", `leaderConnectDelayDuringRetryMs`},
	{"here: a leader without a quorum is given up after initLimit at the latest", `maxTimeToWaitForEpoch leader.maxTimeToWaitForEpoch`},
	{"here: an observer that looks for the leader costs the voters one message", `observer.reconnectDelayMs observer.election.DelayMs`},
	{"here: observers always keep a log, as by default", `syncEnabled observer.syncEnabled`},
	{"here: log or snapshot, whichever is less to send, is chosen for each follower", `snapshotSizeFactor forceSnapshotSync`},
	{"here: permissions are checked once, where the write is decided", `enableEagerACLCheck`},
	{"here: closing a session is always logged with the ephemerals it ends, as by default", `closeSessionTxn.enabled`},
	{"here: nothing counts failures", `failLimit`},
	{"since release 3.6, which names it leader.maxConcurrentSnapSyncs", `leader.maxConcurrentSnapshots leader.maxConcurrentSnapshotTimeout`},
	{"since release 3.6: multiAddress.enabled tries all addresses of a server", `ipReachableTimeout`},
	{noJVM, `serverCnxnFactory advancedFlowControlEnabled netty.advancedFlowControl.enabled
		nio.numSelectorThreads nio.numWorkerThreads nio.directBufferBytes nio.shutdownTimeout commitProcessor.numWorkerThreads
		commitProcessor.maxReadBatchSize commitProcessor.maxCommitBatchSize commitProcessor.shutdownTimeout
		request_throttler.shutdownTimeout flushDelay maxWriteQueuePollTime maxBatchSize intBufferStartingSizeBytes
		watchManagerName watcherCleanThreadsNum watcherCleanThreshold watcherCleanIntervalInSeconds maxInProcessingDeadWatchers
		bitHashCacheSize maxResponseCacheSize maxGetChildrenResponseCacheSize
		jvm.pause.monitor jvm.pause.info-threshold.ms jvm.pause.warn-threshold.ms jvm.pause.sleep.time.ms
		jmx.log4j.disable jmx.log4j.mbean admin.httpVersion
		metricsProvider.numWorkerThreads metricsProvider.maxQueueSize
		metricsProvider.workerShutdownTimeoutMs metricsProvider.prometheusMetricsSummaryRotateIntervalSeconds`},
	{"here: what the log holds is read up to 128 MiB for each record, whatever was added to a request", `jute.maxbuffer.extrasize`},
	{"here: the log goes to standard error (see --log-level and holdfast.logLevel)", `log.file log.threshold console.threshold root.logger
		log.maxfilesize log.maxbackupindex tracelog.dir tracelog.file`},
	{"here: the audit log holds every event", `auditlog.threshold`},
	{noSASL, `quorum.auth.learner.saslLoginContext quorum.auth.server.saslLoginContext
		quorum.auth.kerberos.servicePrincipal kerberos.removeHostFromPrincipal kerberos.removeRealmFromPrincipal kerberos.canonicalizeHostNames
		kerberos.minReLoginTimeMs jaasLoginRenew kinit sasl.serverconfig allowSaslFailedClients letAnySaslUserDoX requireKerberosConfig
		security.auth_to_local server.principal server.realm SASLAuthenticationProvider.superPassword`},
	{noClient, `clientCnxnSocket client.secure sasl.client sasl.clientconfig sasl.client.username sasl.client.canonicalize.hostname
		sasl.client.allowReverseDnsLookup disableAutoWatchReset request.timeout shuffleDnsResponse hostProvider.dnsSrvRefreshIntervalSeconds`},
}

// ofClients are the beginnings of the names of clients' system properties: JVMFLAGS are for servers and clients alike.
const ofClients = "client. sasl.client."
