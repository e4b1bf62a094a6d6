package suite

import (
	"errors"
	"fmt"
	"os"
)

// What a path of a socket may have, in bytes: 107 on Linux, and 103 on macOS. The names of the suite's sockets have at
// most 15.
const longestSocket, longestName = 103, 15

// SocketDir makes a directory in the temporary folder. It returns an error that names the folder if its path is too long
// for the sockets of the suite. The caller removes the directory.
func SocketDir() (string, error) {
	dir, err := os.MkdirTemp("", "pp")
	if err != nil {
		return "", fmt.Errorf("no temporary directory: %w", err)
	}
	if length := len(dir) + 1 + longestName; length > longestSocket {
		return "", errors.Join(fmt.Errorf("the temporary folder %s is too long for a socket: paths in it would have %d bytes, and may have %d; set TMPDIR to a shorter folder, such as /tmp",
			os.TempDir(), length, longestSocket), os.Remove(dir))
	}
	return dir, nil
}
