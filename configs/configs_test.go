// Package configs_test checks that the samples are understood by the programs that they are for.
package configs_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/holdfast-ha/holdfast/fencing"
	"github.com/holdfast-ha/holdfast/internal/haconfig"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

func TestHoldfastYaml(t *testing.T) {
	cfg, err := haconfig.Load(haconfig.Options{Files: []string{"holdfast.yaml"}})
	require.NoError(t, err)
	_, err = fencing.New(cfg.FencingConfig(cfg.Nameservices[0], "nn1"), zap.NewNop())
	require.NoError(t, err)
}

// What is commented out shows the default: with or without it the configuration is the same.
func TestZooCfg(t *testing.T) {
	text, err := os.ReadFile("zoo.cfg")
	require.NoError(t, err)
	cfg, warnings, err := config.Parse("zoo.cfg", text)
	require.NoError(t, err)
	require.Empty(t, warnings)

	full := regexp.MustCompile(`(?m)^#([a-zA-Z][^ =]*=)`).ReplaceAll(text, []byte("$1"))
	require.NotEqual(t, text, full)
	shown, warnings, err := config.Parse("zoo.cfg", full)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, cfg.LogDir(), shown.LogDir())
	least, most := cfg.SessionTimeouts()
	leastShown, mostShown := shown.SessionTimeouts()
	require.Equal(t, least, leastShown)
	require.Equal(t, most, mostShown)
	shown.DataLogDir, shown.ClientPortAddress, shown.MinSessionTimeout = cfg.DataLogDir, cfg.ClientPortAddress, cfg.MinSessionTimeout
	require.Equal(t, cfg, shown)
}

// The examples are an ensemble's: with all of them the file is still one that can be used.
func TestZooCfgOfAnEnsemble(t *testing.T) {
	text, err := os.ReadFile("zoo.cfg")
	require.NoError(t, err)
	full := regexp.MustCompile(`(?m)^# ?([a-zA-Z][^ =]*=)`).ReplaceAllString(string(text), "$1")
	full = regexp.MustCompile(`(?m)^clientPort=2181`).ReplaceAllString(full, "myid=1\nclientPort=2181")
	cfg, warnings, err := config.Parse("zoo.cfg", []byte(full))
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Len(t, cfg.Servers, 4)
	require.Equal(t, 2191, cfg.ObserverMasterPort)
	shown, alone := cfg.RejoinGrace, config.Default()
	require.Equal(t, alone.RejoinGrace, shown)
}
