@echo off
REM The command line client, under the original's name and with its arguments.
setlocal
call "%~dp0zkEnv.cmd"
"%HOLDFAST%zkcli.exe" %*
endlocal & exit /b %ERRORLEVEL%
