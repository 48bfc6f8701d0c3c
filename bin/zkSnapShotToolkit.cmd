@echo off
REM Shows a snapshot, under the original's name and with its arguments.
setlocal
call "%~dp0zkEnv.cmd"
"%HOLDFAST%zktool.exe" SnapshotFormatter %*
endlocal & exit /b %ERRORLEVEL%
