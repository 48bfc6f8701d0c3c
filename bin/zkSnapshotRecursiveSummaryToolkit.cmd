@echo off
REM Sums up a snapshot, under the original's name and with its arguments.
setlocal
call "%~dp0zkEnv.cmd"
"%HOLDFAST%zktool.exe" SnapshotRecursiveSummary %*
endlocal & exit /b %ERRORLEVEL%
