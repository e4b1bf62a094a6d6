package conformance_test

import "slices"

// These faults were written from SPEC.md, the planted implementations and public bug reports, before the suite was run on
// them and without a look at its cases. So they tell how well the suite finds what nobody had in mind who wrote it.
// What else a fault breaks (andPerhaps) is reasoned from SPEC.md as well.

var framerFaultsWrittenBlind = []fault{
	breaks("FRM-5", "empty payload reads as the one before").andPerhaps("STR-4"),
	breaks("FRM-6", "one right byte of the magic is enough"),
	breaks("FRM-7", "short length wraps round and is too large").andPerhaps("FRM-9"),
	breaks("FRM-12", "limit for writing is the default one"),
	// A large frame that is right has another checksum, so it is refused.
	breaks("CRC-2", "checksum of the first 64 KiB alone").andPerhaps("CRC-1", "CRC-4", "FRM-8", "FRM-11", "FRM-13", "STR-4"),
	breaks("CRC-4", "checksum of 0 not compared").andPerhaps("CRC-1", "CRC-3"),
	breaks("STR-3", "truncated is forgotten"),
	breaks("STR-4", "one Read is one header").andPerhaps("STR-10"),
	breaks("STR-6", "whole frame again behind a short write"),
	breaks("STR-10", "timeout between frames is asked again"),
}

var workerFaultsWrittenBlind = []fault{
	breaks("MSG-2", "failures-go-out-bare"),
	breaks("MSG-7", "escaped-pairs-are-not-joined"),
	breaks("MSG-11", "empty-payloads-are-heartbeats").inFraming(both...),
	breaks("MSG-13", "headers-of-cancellations-are-not-compared"),
	breaks("CAN-5", "reads-no-further-than-16-requests").andPerhaps("CAN-8", "MSG-14", "WRK-21"),
	breaks("WRK-4", "a-full-accept-queue-counts-as-stale"),
	breaks("WRK-7", "listens-with-a-backlog-of-1").andPerhaps("WRK-8", "WRK-26"),
	breaks("WRK-17", "heeds-signals-once-it-has-answered").andPerhaps("WRK-18"),
	breaks("WRK-17", "status-1-when-the-grace-runs-out"),
	breaks("WRK-26", "keeps-the-descriptors-of-silent-connections"),
}

// They are not in allPlanted yet.
var _ = slices.Concat(framerFaultsWrittenBlind, workerFaultsWrittenBlind)
