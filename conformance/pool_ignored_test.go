package conformance_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance"
	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/result"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

// limitedPool is a plain pool that ignores options, as it says.
type limitedPool struct {
	*plainPool
	ignored []string
	limit   int
}

func (p limitedPool) IgnoredOptions() []string { return p.ignored }
func (p limitedPool) FixedMaxPayload() int     { return p.limit }

// A case that needs an option which the pool ignores does not run, and a case that can do without does.
func TestAPoolThatIgnoresOptionsIsNotAccused(t *testing.T) {
	for _, c := range []struct {
		ignored, only string
		want          result.Status
	}{
		{"HealthInterval", "HLT-1/each-worker-is-checked-on-the-interval", result.StatusUnsupported},
		{"HealthInterval", "RID-1/no-request-id-is-0", result.StatusPass},
		{"HealthTimeout", "SEL-3", result.StatusUnsupported},
		{"HealthTimeout", "CAN-12/a-call-outlasts-the-limits-*", result.StatusPass},
		{"RestartBackoff", "HLT-7", result.StatusUnsupported},
		{"RestartBackoff", "CAN-1/a-cancelled-*", result.StatusPass},
		{"StopTimeout", "CAN-1/a-cancelled-*", result.StatusPass},
		{"Workers", "CAN-1/a-cancelled-*", result.StatusBlocked}, // which may not be ignored
	} {
		t.Run(c.ignored+"/"+c.only[:5], func(t *testing.T) {
			first := true
			rep := conformance.CheckPool(t.Context(), func(o conformance.PoolOptions) (conformance.Pool, error) {
				p, err := newPlainPool(o)
				if first { // the first case, without which no other runs
					first = false
					return p, err
				}
				return limitedPool{plainPool: p, ignored: []string{c.ignored}}, err
			}, conformance.Only(c.only), conformance.Framings(conformance.Enhanced), conformance.Parallel(1))
			require.NotEmpty(t, rep.Results)
			for _, r := range rep.Results {
				require.Equal(t, c.want, r.Status, r.Text())
			}
		})
	}
}

// A pool whose limit for a payload cannot be set is judged with that.
func TestAPoolOfFixedMaxPayloadIsJudgedWithThat(t *testing.T) {
	asked := []string{"MSG-18", "RID-7/a-payload-over-*", "RID-4/an-answer-of-exactly-*", "BPR-4/*-a-body-that-cannot-be-sent"}
	rep := conformance.CheckPool(t.Context(), func(o conformance.PoolOptions) (conformance.Pool, error) {
		o.MaxPayload = 300_000
		p, err := newPlainPool(o)
		return limitedPool{plainPool: p, limit: 300_000}, err
	}, conformance.Only(asked...))
	all := 0
	for _, c := range catalog.Cases() {
		if c.Role == spec.RolePool && slices.ContainsFunc(asked, func(pattern string) bool { return result.Match(pattern, c.ID("")) }) {
			all += max(len(c.Framings), 1)
		}
	}
	require.Len(t, rep.Results, all)
	for _, r := range rep.Results {
		require.Equal(t, result.StatusPass, r.Status, r.Text())
	}
}

// A case that sends more than the fixed limit says nothing of the pool.
func TestAPoolOfFixedMaxPayloadIsNotAskedForMore(t *testing.T) {
	rep := conformance.CheckPool(t.Context(), func(o conformance.PoolOptions) (conformance.Pool, error) {
		o.MaxPayload = 300_000
		p, err := newPlainPool(o)
		return limitedPool{plainPool: p, limit: 300_000}, err
	}, conformance.Only("MSG-7/bodies-of-1-mb-*", "CAN-10", "MSG-19"), conformance.Framings(conformance.Enhanced))
	require.Len(t, rep.Results, 3)
	for _, r := range rep.Results {
		require.Equal(t, result.StatusUnsupported, r.Status, r.Text())
	}
}
