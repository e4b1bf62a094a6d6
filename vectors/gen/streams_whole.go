package main

func noFrames(file *frameFile) {
	file.enhanced("enhanced-empty", "STR-1", "no bytes at all").accepted()
	file.basic("basic-empty", "STR-1", "no bytes at all").accepted()
}

func manyFrames(file *frameFile) {
	file.enhanced("enhanced-two", "STR-4", "two frames").
		after(enhanced(1, "first"), enhanced(2, "second")).accepted()
	file.basic("basic-two", "STR-4", "two frames").
		afterBasic("first", "second").accepted()

	hundred := file.enhanced("enhanced-hundred", "STR-4", "a hundred frames of one byte, which arrive in one read")
	hundredBasic := file.basic("basic-hundred", "STR-4", "a hundred frames of one byte, which arrive in one read")
	for i := range 100 {
		hundred.after(enhanced(uint64(i+1), filler(100)[i:i+1]))
		hundredBasic.afterBasic(filler(100)[i : i+1])
	}
	hundred.accepted()
	hundredBasic.accepted()

	growing := file.enhanced("enhanced-every-size", "STR-4", "payloads of every size from 0 to the limit")
	growingBasic := file.basic("basic-every-size", "STR-4", "payloads of every size from 0 to the limit")
	for size := range smallLimit + 1 {
		growing.after(enhanced(uint64(size), filler(size)))
		growingBasic.afterBasic(filler(size))
	}
	growing.accepted()
	growingBasic.accepted()
}

func framesWithoutPayload(file *frameFile) {
	file.enhanced("enhanced-all-empty", "FRM-5", "five frames without payload").
		after(enhanced(1, ""), enhanced(2, ""), enhanced(3, ""), enhanced(4, ""), enhanced(5, "")).accepted()
	file.basic("basic-all-empty", "FRM-5", "five frames without payload: twenty zero bytes").
		afterBasic("", "", "", "", "").accepted()
	file.enhanced("enhanced-empty-between", "FRM-5", "a frame without payload between two that have one").
		after(enhanced(1, "first"), enhanced(2, ""), enhanced(3, "third")).accepted()
	file.basic("basic-empty-between", "FRM-5", "a frame without payload between two that have one").
		afterBasic("first", "", "third").accepted()
}

// A reader that keeps one buffer must neither shorten the large payload nor
// leave its end behind the small one.
func framesOfTheLargestSize(file *frameFile) {
	largest, small := filler(smallLimit), "small"
	file.enhanced("enhanced-largest-first", "FRM-8", "a payload of exactly the limit, then a small one").
		after(enhanced(1, largest), enhanced(2, small)).accepted()
	file.basic("basic-largest-first", "FRM-8", "a payload of exactly the limit, then a small one").
		afterBasic(largest, small).accepted()
	file.enhanced("enhanced-largest-last", "FRM-8", "a small payload, then one of exactly the limit").
		after(enhanced(1, small), enhanced(2, largest)).accepted()
	file.basic("basic-largest-last", "FRM-8", "a small payload, then one of exactly the limit").
		afterBasic(small, largest).accepted()
	file.enhanced("enhanced-largest-twice", "FRM-8", "two payloads of exactly the limit, which together are over it").
		after(enhanced(1, largest), enhanced(2, largest)).accepted()
	file.basic("basic-largest-twice", "FRM-8", "two payloads of exactly the limit, which together are over it").
		afterBasic(largest, largest).accepted()
}

func requestIDsInAnyOrder(file *frameFile) {
	file.enhanced("enhanced-ids-fall", "FRM-3", "request IDs that fall from the largest to 0").
		after(enhanced(1<<64-1, "a"), enhanced(1<<63, "b"), enhanced(1<<32, "c"), enhanced(0, "d")).accepted()
	file.enhanced("enhanced-id-repeated", "FRM-3", "one request ID three times: framers carry it, whoever reads the messages judges it").
		after(enhanced(7, "a"), enhanced(7, "a"), enhanced(7, "b")).accepted()
}

func framesInsidePayloads(file *frameFile) {
	inner := enhanced(2, "inner")
	file.enhanced("enhanced-magic-in-payload", "FRM-1", "payloads that begin with, end with and hold the magic").
		after(enhanced(1, "PYthon"), enhanced(2, "hapPY"), enhanced(3, "a PY b")).accepted()
	file.enhanced("enhanced-frame-in-payload", "FRM-1", "a payload that is a whole frame: it is handed out as bytes").
		after(enhanced(1, inner.raw()), enhanced(3, "last")).accepted()
	file.basic("basic-frame-in-payload", "FRM-4", "a payload that is a whole frame: it is handed out as bytes").
		afterBasic(basic("inner"), "last").accepted()
	file.basic("basic-enhanced-frames", "FRM-4", "payloads that are whole enhanced frames: their IDs are not read").
		afterBasic(inner.raw(), inner.raw()).accepted()
	file.enhanced("enhanced-half-magic-at-the-end", "STR-4", "a payload that ends with the first magic byte, before the next frame's magic").
		after(enhanced(1, "endsP"), enhanced(2, "next")).accepted()
}
