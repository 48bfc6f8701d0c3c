@echo off
REM Runs the server in the foreground, under the original's name. For the background use a service manager.
setlocal
call "%~dp0zkEnv.cmd"
"%HOLDFAST%zkserver.exe" start-foreground %* "%ZOOCFG%"
endlocal & exit /b %ERRORLEVEL%
