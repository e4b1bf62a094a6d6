package adapter

import (
	"time"

	"github.com/pyproctest/pyproctest/conformance"
)

// poolOptions are the options of a pool, as the program reads them.
type poolOptions struct {
	Program           string              `json:"program"`
	Argument          string              `json:"argument"`
	Env               []string            `json:"env,omitempty"`
	SocketDir         string              `json:"socket_dir"`
	Framing           conformance.Framing `json:"framing"`
	Workers           int                 `json:"workers,omitempty"`
	MaxInFlight       int                 `json:"max_in_flight,omitempty"`
	MaxPayload        int                 `json:"max_payload,omitempty"`
	Queue             int                 `json:"queue,omitempty"`
	StartTimeout      milliseconds        `json:"start_timeout_ms,omitempty"`
	HealthInterval    milliseconds        `json:"health_interval_ms,omitempty"`
	HealthTimeout     milliseconds        `json:"health_timeout_ms,omitempty"`
	RestartBackoff    milliseconds        `json:"restart_backoff_ms,omitempty"`
	RestartBackoffMax milliseconds        `json:"restart_backoff_max_ms,omitempty"`
	StopTimeout       milliseconds        `json:"stop_timeout_ms,omitempty"`
}

type milliseconds int64

// inMilliseconds rounds up, since 0 means the default.
func inMilliseconds(d time.Duration) milliseconds {
	return milliseconds((d + time.Millisecond - 1) / time.Millisecond)
}

func poolOptionsOf(o conformance.PoolOptions) poolOptions {
	return poolOptions{
		Program: o.Program, Argument: o.Argument, Env: o.Env, SocketDir: o.SocketDir, Framing: o.Framing,
		Workers: o.Workers, MaxInFlight: o.MaxInFlight, MaxPayload: o.MaxPayload, Queue: o.Queue,
		StartTimeout: inMilliseconds(o.StartTimeout), StopTimeout: inMilliseconds(o.StopTimeout),
		HealthInterval: inMilliseconds(o.HealthInterval), HealthTimeout: inMilliseconds(o.HealthTimeout),
		RestartBackoff: inMilliseconds(o.RestartBackoff), RestartBackoffMax: inMilliseconds(o.RestartBackoffMax),
	}
}
