@echo off
REM Called by the other scripts here. It settles where the programs and the configuration are: HOLDFAST is the directory
REM of the programs, with a backslash at its end, or empty when they are on PATH; ZOOCFGDIR and ZOOCFG as in the
REM environment, or conf\zoo.cfg beside this directory.
set "HOLDFAST="
for %%p in (zkserver zktool zkcli zkfc haadmin) do if exist "%~dp0%%p.exe" set "HOLDFAST=%~dp0"
if not defined ZOOCFGDIR set "ZOOCFGDIR=%~dp0..\conf"
if not defined ZOOCFG set "ZOOCFG=%ZOOCFGDIR%\zoo.cfg"
if not defined ZOO_LOG_DIR set "ZOO_LOG_DIR=%~dp0..\logs"
