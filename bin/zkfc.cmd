@echo off
REM zkfc as "hdfs zkfc" is called. HADOOP_CONF_DIR, or -conf DIR before the other arguments, names the configuration directory: cmd.exe
REM splits arguments at = and so cannot take --config off.
setlocal
call "%~dp0zkEnv.cmd"
"%HOLDFAST%zkfc.exe" %*
endlocal & exit /b %ERRORLEVEL%
