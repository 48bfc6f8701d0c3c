package config

import "strings"

// keys are all known keys: the honoured ones and, by group, the accepted ones.
var keys = allKeys()

func allKeys() []key {
	all := append([]key(nil), honoured...)
	for _, name := range []string{"metricsProvider.className", "metricsProvider.httpHost", "metricsProvider.httpPort", "metricsProvider.exportJvmInfo"} {
		all = append(all, key{name: name})
	}
	for note, names := range accepted {
		for name := range strings.FieldsSeq(names) {
			all = append(all, key{name: name, note: note})
		}
	}
	return all
}

// findKey is the entry of a key by its exact name.
func findKey(name string) (key, bool) {
	for i := range keys {
		if keys[i].name == name {
			return keys[i], true
		}
	}
	for _, prefix := range []string{"authProvider.", "metricsProvider.ssl.", "zookeeper.superUser."} {
		if strings.HasPrefix(name, prefix) {
			return key{name: name, note: later}, true
		}
	}
	return key{}, false
}

// accepted are the documented keys that change nothing here, by what is said of them.
var accepted = map[string]string{
	noTrust: `snapshot.trust.empty`,
	noAlone: `initLimit syncLimit connectToLearnerMasterLimit leaderServes cnxTimeout quorumCnxnTimeoutMs standaloneEnabled
		electionPortBindRetry observer.reconnectDelayMs observer.election.DelayMs observerMasterPort syncEnabled
		fastleader.minNotificationInterval fastleader.maxNotificationInterval maxConcurrentSnapSyncs maxConcurrentDiffSyncs
		maxTimeToWaitForEpoch learner.closeSocketAsync leader.closeSocketAsync learner.asyncSending peerType
		forward_learner_requests_to_commit_processor_disabled zookeeper.follower.skipLearnerRequestToNextProcessor
		quorumListenOnAllIPs multiAddress.enabled multiAddress.reachabilityCheckTimeoutMs
		multiAddress.reachabilityCheckEnabled oraclePath tcpKeepAlive commitLogCount quorum.cnxn.threads.size
		localSessionsEnabled localSessionsUpgradingEnabled`,
	noJVM: `serverCnxnFactory clientPortListenBacklog advancedFlowControlEnabled netty.server.earlyDropSecureConnectionHandshakes
		zookeeper.nio.numSelectorThreads zookeeper.nio.numWorkerThreads zookeeper.nio.directBufferBytes
		zookeeper.commitProcessor.numWorkerThreads zookeeper.commitProcessor.maxReadBatchSize
		zookeeper.commitProcessor.maxCommitBatchSize watchManagerName watcherCleanThreadsNum watcherCleanThreshold
		watcherCleanIntervalInSeconds maxInProcessingDeadWatchers bitHashCacheSize maxResponseCacheSize
		maxGetChildrenResponseCacheSize flushDelay maxWriteQueuePollTime maxBatchSize ssl.sslProvider
		jvm.pause.monitor jvm.pause.info-threshold.ms jvm.pause.warn-threshold.ms jvm.pause.sleep.time.ms
		metricsProvider.numWorkerThreads metricsProvider.maxQueueSize
		metricsProvider.workerShutdownTimeoutMs metricsProvider.prometheusMetricsSummaryRotateIntervalSeconds
		zookeeper.request_throttler.shutdownTimeout zookeeper.messageTracker.BufferSize zookeeper.messageTracker.Enabled
		fips-mode jute.maxbuffer.extrasize enableEagerACLCheck`,
	later: `secureClientPort secureClientPortAddress emulate353TTLNodes connectionMaxTokens
		connectionTokenFillTime connectionTokenFillCount connectionFreezeTime connectionDropIncrease connectionDropDecrease
		connectionDecreaseRatio zookeeper.connection_throttle_weight_enabled
		zookeeper.connection_throttle_global_session_weight zookeeper.connection_throttle_local_session_weight
		zookeeper.connection_throttle_renew_session_weight enforceQuota requestThrottleLimit requestThrottleStallTime
		requestThrottleDropStale requestStaleLatencyCheck requestStaleConnectionCheck digest.enabled
		snapshot.compression.method audit.enable audit.impl.class largeRequestMaxBytes largeRequestThreshold
		outstandingHandshake.limit throttledOpWaitTime serializeLastProcessedZxid.enabled reconfigEnabled clientTcpKeepAlive
		IPAuthenticationProvider.usexforwardedfor X509AuthenticationProvider.superUser zookeeper.superUser ssl.authProvider
		zookeeper.ensembleAuthName ensembleAuthName sessionRequireClientSASLAuth enforce.auth.enabled enforce.auth.schemes
		sslQuorum ssl.keyStore.location ssl.keyStore.password ssl.quorum.keyStore.location ssl.quorum.keyStore.password
		ssl.keyStore.passwordPath ssl.quorum.keyStore.passwordPath ssl.keyStore.type ssl.quorum.keyStore.type
		ssl.trustStore.location ssl.trustStore.password ssl.quorum.trustStore.location ssl.quorum.trustStore.password
		ssl.trustStore.passwordPath ssl.quorum.trustStore.passwordPath ssl.trustStore.type ssl.quorum.trustStore.type
		ssl.protocol ssl.quorum.protocol ssl.enabledProtocols ssl.quorum.enabledProtocols ssl.ciphersuites
		ssl.quorum.ciphersuites ssl.context.supplier.class ssl.quorum.context.supplier.class ssl.hostnameVerification
		ssl.quorum.hostnameVerification ssl.clientHostnameVerification ssl.quorum.clientHostnameVerification
		ssl.allowReverseDnsLookup ssl.quorum.allowReverseDnsLookup ssl.crl ssl.quorum.crl ssl.ocsp ssl.quorum.ocsp
		ssl.clientAuth ssl.quorum.clientAuth ssl.handshakeDetectionTimeoutMillis ssl.quorum.handshakeDetectionTimeoutMillis
		sslQuorumReloadCertFiles client.certReload client.portUnification portUnification authProvider
		kerberos.removeHostFromPrincipal kerberos.removeRealmFromPrincipal kerberos.canonicalizeHostNames
		readonlymode.enabled znode.container.maxNeverUsedIntervalMs admin.rateLimiterIntervalInMS admin.snapshot.enabled
		admin.restore.enabled admin.needClientAuth admin.forceHttps admin.portUnification admin.enableServer
		admin.serverAddress admin.serverPort admin.idleTimeout admin.commandURL metricsProvider.httpsPort
		metricsProvider.ssl.need.client.auth metricsProvider.ssl.want.client.auth metricsProvider.ssl.ciphersuites
		metricsProvider.ssl.enabledProtocols dynamicConfigFile quorum.auth.enableSasl quorum.auth.serverRequireSasl
		quorum.auth.learnerRequireSasl quorum.auth.learner.saslLoginContext quorum.auth.server.saslLoginContext
		quorum.auth.kerberos.servicePrincipal closeSessionTxn.enabled`,
}
