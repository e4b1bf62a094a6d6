//go:build !linux

package turns

import "errors"

// Memory is not known here.
func Memory(...int) (resident, own float64, err error) {
	return 0, 0, errors.ErrUnsupported
}
