package freeport

import (
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachPortIsHandedOutOnce(t *testing.T) {
	seen := map[int]bool{}
	for range 20 {
		ports, err := Take(5)
		require.NoError(t, err)
		require.Len(t, ports, 5)
		for _, p := range ports {
			require.False(t, seen[p], "%d again", p)
			require.True(t, p >= process.first && p < process.last, p)
			seen[p] = true
		}
	}
}

func TestPortsThatAreTakenAreLeftOut(t *testing.T) {
	port, err := One()
	require.NoError(t, err)
	for _, host := range []string{"127.0.0.1", ""} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		require.NoError(t, err)
		f := &finder{first: port, last: port + 1}
		_, err = f.take(1)
		require.EqualError(t, err, fmt.Sprintf("there are no 1 free ports from %d to %d on 127.0.0.1", port, port))
		require.NoError(t, l.Close())
	}
}

func TestTheRangeGoesRound(t *testing.T) {
	all, err := Take(3)
	require.NoError(t, err)
	f := &finder{first: all[0], last: all[2] + 1, next: all[2] - all[0]}
	ports, err := f.take(2)
	require.NoError(t, err)
	require.Equal(t, []int{all[2], all[0]}, ports)
}
