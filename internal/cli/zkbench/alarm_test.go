package zkbench

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnAlarmIsNeverEarlyAndEndsWithItsContext(t *testing.T) {
	errOver := errors.New("over")
	ctx, cancel := context.WithCancelCause(t.Context())
	a, err := newAlarm(ctx)
	require.NoError(t, err)
	defer a.close()

	for _, d := range []time.Duration{-time.Second, 0, 100 * time.Microsecond, 3 * time.Millisecond} {
		at := monotonic() + int64(d)
		require.NoError(t, a.until(ctx, at))
		require.GreaterOrEqual(t, monotonic(), at)
	}

	time.AfterFunc(time.Millisecond, func() { cancel(errOver) })
	require.ErrorIs(t, a.until(ctx, monotonic()+int64(time.Hour)), errOver)
	require.ErrorIs(t, a.until(ctx, monotonic()+int64(time.Hour)), errOver, "for good")
	require.Error(t, a.until(ctx, 0), "also when it need not wait")
}
