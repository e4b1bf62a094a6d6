package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/pyproctest/pyproctest/conformance"
)

// judgementVariable has this test binary carry out an order and print the judgement: an order as JSON, or "role/name" of a
// fault or control that the whole suite is to run on.
const judgementVariable = "PYPROCTEST_JUDGE"

// order is a fault or control to be judged in a process of its own, since some cases measure theirs.
type order struct {
	Fault string   // or control: role/name
	Cases []string // patterns; all, if there are none
	How   string   // of the ways below
}

type judge func(planted, context.Context, fault, ...conformance.Option) (conformance.Report, string)

// The ways to judge.
const (
	byAll       = ""             // all cases, of which one finds the fault
	untilCaught = "until caught" // until a case finds it
	besideOwn   = "beside own"   // cases that need not find it
)

var judges = map[string]judge{byAll: planted.judge, untilCaught: planted.judgeUntilCaught, besideOwn: planted.judgeBeside}

type judgement struct {
	Row   matrixRow
	Wrong string
}

// carryOut carries the order out in another process. What hangs or crashes that is a fault of the suite.
func (o order) carryOut(ctx context.Context) (matrixRow, string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	text, err := json.Marshal(o)
	if err != nil {
		return matrixRow{}, err.Error()
	}
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), judgementVariable+"="+string(text))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var j judgement
	if err = errors.Join(err, json.Unmarshal(out.Bytes(), &j)); err != nil {
		return j.Row, fmt.Sprintf("the suite crashed or hung: %v\n%s", err, errs.Bytes())
	}
	return j.Row, j.Wrong
}

// carryOutHere carries out the order that the variable has, in this process.
func carryOutHere(text string) error {
	o := order{Fault: text}
	if strings.HasPrefix(text, "{") {
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			return fmt.Errorf("%s: %w", judgementVariable, err)
		}
	}
	p, f, found := plantedFault(o.Fault)
	if !found {
		return fmt.Errorf("%s: no such fault", o.Fault)
	}
	beside := 8
	if f.alone {
		beside = 1
	}
	opts := []conformance.Option{conformance.Parallel(beside)}
	if o.Cases != nil {
		opts = append(opts, conformance.Only(o.Cases...))
	}
	rep, wrong := judges[o.How](p, context.Background(), f, opts...)
	row := matrixRow{Role: p.role, What: f.name(), Clause: f.clause, Perhaps: f.perhaps, Cases: len(rep.Results), Kills: kills(rep), First: rep.FirstShown()}
	return json.NewEncoder(os.Stdout).Encode(judgement{row, wrong})
}

// plantedFault finds a fault or control by role/name, also one of the second blind batches and later ones, which are in no matrix yet.
func plantedFault(name string) (planted, fault, bool) {
	for _, p := range allPlanted {
		for _, f := range slices.Concat(p.all(), secondBlindBatches(p.role), thirdBlindBatch(p.role), fourthBlindBatch(p.role)) {
			if string(p.role)+"/"+f.name() == name {
				return p, f, true
			}
		}
	}
	return planted{}, fault{}, false
}
