package adapter

import (
	"github.com/pyproctest/pyproctest/conformance"
)

type poolOptions struct{}

func (a *Adapter) openPool(o conformance.PoolOptions) (conformance.Pool, error) {
	return nil, nil
}
