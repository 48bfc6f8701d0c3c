package hademo

import (
	"encoding/json"
	"math"
	"time"
)

// Result is what one round of one act showed. Durations that do not belong to an act are zero.
type Result struct {
	Act   string
	Round int
	// Detect is from the fault until a controller noticed it (for "failover": until the target's controller got the request).
	Detect time.Duration
	// Lock is from then until the other controller held the lock.
	Lock time.Duration
	// Fence is how long it took to make sure that the old active cannot write.
	Fence time.Duration
	// Promote is the call of transitionToActive, until it returned.
	Promote time.Duration
	// FirstWrite is from the return of transitionToActive to the first write that the new active acknowledged.
	FirstWrite time.Duration
	// Total is from the fault to that write. When nothing is to fail over: the same as ZKGap.
	Total time.Duration
	// Takeover is from the fault until transitionToActive returned.
	Takeover time.Duration
	// Gap is the longest time between two acknowledged writes.
	Gap time.Duration
	// ZKGap is the longest time between two acknowledged writes of a client of the zkservers, from the fault on.
	ZKGap time.Duration
	// Acked counts the writes acknowledged in this round, Lost those of them that are not there afterwards, DualActive those
	// that a second node accepted in an epoch of another.
	Acked, Lost, DualActive int
	From, To                string // the active before and after
}

// millis prints a duration as milliseconds with three decimals at most.
func millis(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }

// MarshalJSON gives the object of `hademo --json`.
func (r Result) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Act          string  `json:"act"`
		Round        int     `json:"round"`
		DetectMs     float64 `json:"detect_ms"`
		LockMs       float64 `json:"lock_ms"`
		FenceMs      float64 `json:"fence_ms"`
		PromoteMs    float64 `json:"promote_ms"`
		FirstWriteMs float64 `json:"first_write_ms"`
		TotalMs      float64 `json:"total_ms"`
		TakeoverMs   float64 `json:"takeover_ms"`
		GapMs        float64 `json:"gap_ms"`
		ZKGapMs      float64 `json:"zk_gap_ms"`
		Acked        int     `json:"acked"`
		Lost         int     `json:"lost"`
		DualActive   int     `json:"dual_active"`
		From         string  `json:"from"`
		To           string  `json:"to"`
	}{
		r.Act, r.Round, millis(r.Detect), millis(r.Lock), millis(r.Fence), millis(r.Promote), millis(r.FirstWrite),
		millis(r.Total), millis(r.Takeover), millis(r.Gap), millis(r.ZKGap), r.Acked, r.Lost, r.DualActive, r.From, r.To,
	})
}

// OK tells whether nothing was lost and never two nodes wrote in one epoch.
func (r Result) OK() bool { return r.Lost == 0 && r.DualActive == 0 }
