@echo off
REM Compares two snapshots, under the original's name and with its arguments.
setlocal
call "%~dp0zkEnv.cmd"
"%HOLDFAST%zktool.exe" SnapshotComparer %*
endlocal & exit /b %ERRORLEVEL%
