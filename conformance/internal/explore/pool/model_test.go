package pool

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/conformance/internal/explore"
	"github.com/pyproctest/pyproctest/conformance/spec"
)

func newModel() *model {
	return &model{
		options: explore.Options{Framing: spec.Enhanced, Workers: 1, MaxInFlight: 1}, limit: 4096, started: true,
		seen: map[string]bool{}, exercised: map[string]bool{}, fate: map[int]string{},
	}
}

// Which of several errors a call ends with is open where more than one is true.
func TestACallMayEndWithAnyErrorThatIsTrue(t *testing.T) {
	died := fmt.Errorf("no worker is healthy: %w", spec.WorkerDied)
	for _, c := range []struct {
		name  string
		set   func(*model)
		call  call
		fails string
	}{
		{"too large", func(*model) {}, call{tooLarge: true, err: died}, "MSG-18"},
		{"too large, and no worker is healthy", func(m *model) { m.doubtful = true }, call{tooLarge: true, err: died}, ""},
		{"too large, and not started", func(m *model) { m.started = false }, call{tooLarge: true, err: spec.NotStarted}, ""},
		{"its context had ended", func(*model) {}, call{ended: true, before: true, err: died}, "CAN-11"},
		{"its context had ended, and no worker is healthy", func(m *model) { m.doubtful = true }, call{ended: true, before: true, err: died}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModel()
			c.set(m)
			c.call.name = "k1"
			m.ends(&c.call)
			if c.fails == "" {
				require.Nil(t, m.failure)
				return
			}
			require.NotNil(t, m.failure)
			require.Equal(t, c.fails, m.failure.Clause)
		})
	}
}

// A request may still come on a connection that was spoiled as long as no call has returned because of it: the pool need not
// have read what spoiled it.
func TestASpoiledConnectionIsGivenUpWhenACallHasReturnedBecauseOfIt(t *testing.T) {
	m := newModel()
	w := &process{number: 1, path: "w1"}
	m.appears(w)
	conn := &wireConn{number: 1}
	first := &call{name: "k1", method: "k1", body: "null"}
	m.calls = append(m.calls, first)
	m.arrives(&arrival{at: w, conn: conn, id: 1, method: "k1"}, 1, []byte("null"), 40)
	require.Nil(t, m.failure)
	m.breaks(first.arrival)
	require.False(t, conn.told)

	first.err = fmt.Errorf("%w: a broken frame", spec.WorkerDied)
	m.ends(first)
	require.True(t, conn.told)
	require.Nil(t, m.failure)

	conn.noticed = true
	second := &call{name: "k2", method: "k2", body: "null"}
	m.calls = append(m.calls, second)
	m.arrives(&arrival{at: w, conn: conn, id: 2, method: "k2"}, 2, []byte("null"), 40)
	require.NotNil(t, m.failure)
	require.Equal(t, "RID-7", m.failure.Clause)
}

// A worker that was killed tells of no SIGTERM that it had no time to take. So only an early kill shows that none came.
func TestAKillAtTheEndOfTheStopTimeoutSaysNothingOfSIGTERM(t *testing.T) {
	for since, accused := range map[time.Duration]bool{0: true, stopTimeout: false} {
		w := &process{number: 1}
		m := &model{started: true, stopping: true, stopAt: time.Now().Add(-since), processes: []*process{w}, seen: map[string]bool{}, exercised: map[string]bool{}}
		m.exits(w)
		require.Equal(t, accused, m.failure != nil, since)
	}
}

// A pool may kill a worker that left a check unanswered. It may have begun to when Shutdown was called.
func TestAKillOfAWorkerThatMayCountAsHungSaysNothingOfSIGTERM(t *testing.T) {
	w := &process{number: 1}
	m := newModel()
	m.stopping, m.stopAt, m.doubtful, m.processes = true, time.Now(), true, []*process{w}
	m.exits(w)
	require.Nil(t, m.failure)
}

// Only what surely counts as unhealthy, while another worker surely serves, must be given no calls [SEL-3].
func TestCallsGivenToAnUnhealthyWorkerAreToldWhereItIsSure(t *testing.T) {
	for name, c := range map[string]struct {
		set     func(m *model, hung, other *process)
		accused bool
	}{
		"it hangs, surely, and the other serves": {func(*model, *process, *process) {}, true},
		"it may still count as healthy":          {func(m *model, _, _ *process) { m.hangs[0].sure = false }, false},
		"it answers again":                       {func(_ *model, hung, _ *process) { hung.mute = false }, false},
		"the other hangs too":                    {func(_ *model, _, other *process) { other.mute = true }, false},
		"the other has ended":                    {func(_ *model, _, other *process) { other.exited = true }, false},
		"a worker has died":                      {func(m *model, _, _ *process) { m.deaths = 1 }, false},
		"the call was made before":               {func(m *model, _, _ *process) { m.hangs[0].calls = 1 }, false},
	} {
		hung, other := &process{number: 1, listens: true, mute: true}, &process{number: 2, listens: true}
		m := newModel()
		m.processes, m.hangs = []*process{hung, other}, []*hang{{w: hung, seen: true, sure: true}}
		m.calls = []*call{{name: "k1"}}
		c.set(m, hung, other)
		m.givenToUnhealthy(other, "k1")
		require.Nil(t, m.failure, name)
		m.givenToUnhealthy(hung, "k1")
		require.Equal(t, c.accused, m.failure != nil, name)
	}
}

// The pool may count others as unhealthy than those that hang, and then nothing is known of those.
func TestNobodySurelyHangsWhereAnotherMayBeUnhealthyInstead(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(m *model, hung, other *process)
		many int
	}{
		"one hangs":                           {func(*model, *process, *process) {}, 1},
		"the pool has shown nothing":          {func(m *model, _, _ *process) { m.hangs[0].seen = false }, 0},
		"its check is not over":               {func(m *model, _, _ *process) { m.hangs[0].since = time.Now() }, 0},
		"another one hung, and answers again": {func(m *model, _, other *process) { m.hangs = append(m.hangs, &hang{w: other, seen: true}) }, 0},
		"that was long ago":                   {func(m *model, _, other *process) { m.hangs = append(m.hangs, &hang{w: other, seen: true, past: true}) }, 1},
		"another one reads no more":           {func(_ *model, _, other *process) { other.stalled = true }, 0},
		"another one sent what is unreadable": {func(_ *model, _, other *process) { other.conns = map[uint32]*wireConn{1: {spoiled: true}} }, 0},
		"another one has died":                {func(m *model, _, _ *process) { m.deaths = 1 }, 0},
	} {
		hung, other := &process{number: 1, listens: true, mute: true}, &process{number: 2, listens: true}
		m := newModel()
		m.options.Workers, m.options.CheckWithin, m.atStart = 2, 300, 2
		m.processes, m.hangs = []*process{hung, other}, []*hang{{w: hung, seen: true, since: time.Now().Add(-time.Second)}}
		c.set(m, hung, other)
		require.Equal(t, c.many, m.onlyHanging(), name)
	}
}

// Shutdown lets what runs finish, however long that takes, unless its context ends [SHD-2].
func TestAWorkerIsToldToStopOnlyWhenItHasAnsweredWhatRuns(t *testing.T) {
	for name, c := range map[string]struct {
		set     func(m *model, a *arrival)
		accused bool
	}{
		"a call runs":                            {func(*model, *arrival) {}, true},
		"Shutdown's context may have ended":      {func(m *model, _ *arrival) { m.hurried = true }, false},
		"it came when Shutdown had been called":  {func(_ *model, a *arrival) { a.atStop = true }, false},
		"it is answered":                         {func(_ *model, a *arrival) { a.answered = true }, false},
		"its cancellation came":                  {func(_ *model, a *arrival) { a.withdrawn = true }, false},
		"its context has ended":                  {func(_ *model, a *arrival) { a.call.ended = true }, false},
		"it runs at another worker":              {func(_ *model, a *arrival) { a.at = &process{number: 2} }, false},
		"a worker may be replaced for something": {func(m *model, _ *arrival) { m.doubtful = true }, false},
	} {
		m, w := newModel(), &process{number: 1, signals: []string{"terminated"}}
		m.stopping, m.processes = true, []*process{w}
		a := &arrival{at: w, conn: &wireConn{}, call: &call{name: "k1"}}
		m.arrivals = []*arrival{a}
		c.set(m, a)
		m.signalled(w)
		require.Equal(t, c.accused, m.failure != nil, name)
		if c.accused {
			require.Equal(t, "SHD-2", m.failure.Clause, name)
		}
	}
}

// What a call returns that was made before Start was done is open, also where the pool tells it a moment later.
func TestCallsMadeDuringAStartMayBeRefused(t *testing.T) {
	for early, accused := range map[bool]bool{true: false, false: true} {
		m := newModel()
		m.ends(&call{name: "k1", early: early, err: spec.NotStarted})
		require.Equal(t, accused, m.failure != nil)
	}
}

// A pool may give up the whole worker on one of whose connections something odd was sent, and with it the calls on others.
func TestAWorkerMayBeGivenUpForWhatItSentOnAnotherConnection(t *testing.T) {
	for name, c := range map[string]struct {
		odd     wireConn
		stops   bool
		accused bool
	}{
		"nothing odd":                {wireConn{}, false, true},
		"something unreadable":       {wireConn{spoiled: true}, false, false},
		"an unknown ID":              {wireConn{loose: true}, false, false},
		"nothing odd, in Shutdown":   {wireConn{}, true, true},
		"unreadable, in Shutdown":    {wireConn{spoiled: true}, true, false},
		"an unknown ID, in Shutdown": {wireConn{loose: true}, true, false},
		"another type, in Shutdown":  {wireConn{noted: true}, true, false},
		"another type, not in it":    {wireConn{noted: true}, false, false},
	} {
		m := newModel()
		m.stopping = c.stops
		conn := &wireConn{number: 2}
		w := &process{number: 1, conns: map[uint32]*wireConn{1: &c.odd, 2: conn}}
		m.processes = []*process{w}
		m.ends(&call{name: "k2", arrival: &arrival{at: w, conn: conn}, due: &answer{valid: true}, err: spec.WorkerDied})
		require.Equal(t, c.accused, m.failure != nil, name)
	}
}

// A pool is as new where every worker that died has surely been replaced, and nothing else may still lead to anything.
func TestAPoolIsAsNewOnceEveryDeadWorkerIsReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		set   func(m *model, dead, other, new *process)
		asNew bool
	}{
		"a replacement serves":               {func(*model, *process, *process, *process) {}, true},
		"nothing has happened":               {func(m *model, _, _, _ *process) { m.doubtful = false }, false},
		"it does not listen yet":             {func(_ *model, _, _, new *process) { new.listens = false }, false},
		"the pool has no connection to it":   {func(_ *model, _, _, new *process) { new.conns[1].ended = true }, false},
		"another one has died too":           {func(m *model, _, other, _ *process) { m.deaths, other.ordered = 2, true }, false},
		"another one has ended too":          {func(m *model, _, other, _ *process) { m.deaths, other.exited = 2, true }, false},
		"a call runs":                        {func(m *model, _, _, _ *process) { m.calls = []*call{{}} }, false},
		"a call has returned":                {func(m *model, _, _, _ *process) { m.calls = []*call{{returned: true}} }, true},
		"another one sent what is unknown":   {func(_ *model, _, other, _ *process) { other.conns[1].loose = true }, false},
		"the dead one did":                   {func(_ *model, dead, _, _ *process) { dead.conns[1].loose = true }, true},
		"another one did not read":           {func(_ *model, _, other, _ *process) { other.loose = true }, false},
		"another one got a signal":           {func(_ *model, _, other, _ *process) { other.signals = []string{"terminated"} }, false},
		"a check may have failed":            {func(m *model, _, _, _ *process) { m.options.CheckWithin = 300 }, false},
		"a worker hangs":                     {func(m *model, _, other, _ *process) { m.hangs = []*hang{{w: other}} }, false},
		"the pool shuts down":                {func(m *model, _, _, _ *process) { m.stopping = true }, false},
		"a process came that nobody awaited": {func(m *model, _, _, _ *process) { m.processes = append(m.processes, &process{number: 4}) }, false},
	} {
		m := newModel()
		m.options.Workers, m.atStart, m.deaths, m.doubtful = 2, 2, 1, true
		process := func(number int) *process {
			return &process{number: number, listens: true, conns: map[uint32]*wireConn{1: {number: 1}}}
		}
		dead, other, replacement := process(1), process(2), process(3)
		dead.ordered, dead.exited = true, true
		m.processes = append(m.processes, dead, other, replacement)
		c.set(m, dead, other, replacement)
		require.Equal(t, c.asNew, m.restored() > 0, name)
	}
}
