package main

import "golang.org/x/sys/unix"

// diskFree tells the free and the whole size of the disk that holds path, in bytes, as an unprivileged process may use it.
func diskFree(path string) (free, total uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, 0, err
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), nil
}
