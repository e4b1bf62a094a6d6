package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pyproctest/pyproctest/bench/gate"
)

func TestPlantsFitTheCodeAndBuild(t *testing.T) {
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	for _, p := range plants {
		t.Run(p.what, func(t *testing.T) {
			list, err := p.overlay(root, t.TempDir())
			require.NoError(t, err)
			build := exec.Command("go", "build", "-overlay="+list, "./ref/frame")
			build.Dir = root
			out, err := build.CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}

func TestAPlantWhosePlaceIsGoneIsAnError(t *testing.T) {
	p := plants[0]
	p.old = "no such line"
	_, err := p.overlay("../../..", t.TempDir())
	require.ErrorContains(t, err, "it stands there 0 times")
}

func TestAPlantIsCaughtByItsOwnRowsAlone(t *testing.T) {
	caught := plants[0].among([]gate.Judgement{
		{Row: "Framing/op=encode/framing=enhanced/size=1KB-2", Unit: "x-floor", Change: gate.Worse},
		{Row: "Framing/op=encode/framing=enhanced/size=1KB-2", Unit: "allocs/op", Change: gate.Worse},
		{Row: "Framing/op=decode/framing=enhanced/size=1KB-2", Unit: "x-floor", Change: gate.Worse},
		{Row: "Framing/op=encode/framing=enhanced/size=64B-2", Unit: "x-floor", Change: gate.Missing},
	})
	require.Len(t, caught, 1)
}
