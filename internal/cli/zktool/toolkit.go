package zktool

import "strconv"

const toolkitHelp = `usage: TxnLogToolkit [-dhrvc] <txn_log_file_name> (-z <zxid>)
 -c,--chop         Chop mode. Chop txn file to a zxid.
 -d,--dump         Dump mode. Dump all entries of the log file with printing the content of a nodepath (default)
 -h,--help         Print help message
 -r,--recover      Recovery mode. Re-calculate CRC for broken entries.
 -v,--verbose      Be verbose in recovery mode: print all entries, not just fixed ones.
 -y,--yes          Non-interactive mode: repair all CRC errors without asking
 -z,--zxid <arg>   Used with chop. Zxid to which to chop.
`

// txnLogToolkit takes the arguments of the original's TxnLogToolkit.
func txnLogToolkit(t *tool, c *command, args []string) error {
	fl := flags(c)
	both := func(short, long string) *bool {
		v := fl.Bool(short, false, "")
		fl.BoolVar(v, long, false, "")
		return v
	}
	help, recover, verbose := both("h", "help"), both("r", "recover"), both("v", "verbose")
	yes, chop := both("y", "yes"), both("c", "chop")
	both("d", "dump") // what is done without another mode
	zxid := fl.String("z", "", "")
	fl.StringVar(zxid, "zxid", "", "")
	files, err := parse(fl, splitJoined(args), 0, 1)
	if err != nil {
		return err
	}
	if *help || len(files) == 0 {
		t.printf("%s", toolkitHelp)
		if *help {
			return nil
		}
		return errReported
	}
	if *chop && *zxid != "" {
		if _, err := strconv.ParseInt(*zxid, 0, 64); err != nil {
			return usagef("-z %s: must be a number, as 0x1a or 26", *zxid)
		}
		return logChop(t, c, []string{files[0], *zxid})
	}
	if *recover {
		return t.repair(files[0], files[0]+".fixed", *yes, *verbose)
	}
	return t.dumpLog(files[0], false)
}

// splitJoined takes options given in one word apart: -rvy is -r -v -y.
func splitJoined(args []string) []string {
	var out []string
	for _, a := range args {
		if len(a) < 3 || a[0] != '-' || a[1] == '-' || a[1] == 'z' {
			out = append(out, a)
			continue
		}
		for _, f := range a[1:] {
			out = append(out, "-"+string(f))
		}
	}
	return out
}
