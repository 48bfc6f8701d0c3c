@echo off
REM Shows, repairs or chops a transaction log, under the original's name and with its arguments.
setlocal
call "%~dp0zkEnv.cmd"
"%HOLDFAST%zktool.exe" TxnLogToolkit %*
endlocal & exit /b %ERRORLEVEL%
