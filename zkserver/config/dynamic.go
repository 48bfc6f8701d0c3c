package config

import (
	"strconv"
	"strings"
)

// NextDynamicFile is where the membership stands that is being decided: beside zoo.cfg.
func NextDynamicFile(zooCfg string) string { return zooCfg + ".dynamic.next" }

// DynamicFile is where the membership of a version stands once it is decided.
func DynamicFile(zooCfg string, version int64) string {
	return zooCfg + ".dynamic." + strconv.FormatInt(version, 16)
}

// versionOfName takes the version off the end of a dynamic configuration's name: zoo.cfg.dynamic.100000000.
func versionOfName(name string) (int64, bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return 0, false
	}
	v, err := strconv.ParseInt(name[i+1:], 16, 64)
	return v, err == nil && v >= 0
}
