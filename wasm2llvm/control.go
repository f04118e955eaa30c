package wasm2llvm

import (
	"fmt"
	"slices"
	"strings"
)

// blockType reads the type of a block.
func (f *function) blockType() ([]ValType, []ValType) {
	b := f.r.b[f.r.p:]
	if len(b) > 0 && b[0] == 0x40 {
		f.r.p++
		return nil, nil
	}
	if len(b) > 0 && b[0]&0xc0 == 0x40 {
		return nil, []ValType{f.r.valType()}
	}
	i := f.r.signed(33)
	check(i >= 0, "malformed block type")
	t := f.typeOf(uint32(i))
	return t.Params, t.Results
}

func (f *function) typeOf(i uint32) FuncType { return f.Module.typ(i) }

// enter begins a frame, whose parameters have been popped. It inherits the handlers of the frame
// around it.
func (f *function) enter(fr frame) *frame {
	fr.height = len(f.stack)
	if len(f.frames) > 0 && fr.pad == "" {
		fr.pad, fr.dispatch = f.top().pad, f.top().dispatch
	}
	for _, t := range fr.results {
		fr.ends = append(fr.ends, f.alloca(t))
	}
	if fr.op == opLoop {
		for _, t := range fr.branch {
			fr.slots = append(fr.slots, f.alloca(t))
		}
	} else {
		fr.slots = fr.ends
	}
	f.frames = append(f.frames, fr)
	return f.top()
}

// The instructions that begin frames.
const (
	opBlock    = 0x02
	opLoop     = 0x03
	opIf       = 0x04
	opTryTable = 0x1f
)

func (f *function) beginBlock() {
	params, results := f.blockType()
	v := f.popAll(params)
	f.enter(frame{op: opBlock, params: params, results: results, branch: results, label: f.newLabel("block")})
	f.pushAll(v)
}

func (f *function) beginLoop() {
	params, results := f.blockType()
	v := f.popAll(params)
	fr := f.enter(frame{op: opLoop, params: params, results: results, branch: params, label: f.newLabel("loop")})
	f.leaveValues(v, fr.slots)
	f.line("br label %%%s", fr.label)
	f.block(fr.label)
	f.takeValues(params, fr.slots)
}

func (f *function) beginIf() {
	condition := f.truth(f.pop(I32))
	params, results := f.blockType()
	v := f.popAll(params)
	fr := f.enter(frame{
		op: opIf, params: params, results: results, branch: results, label: f.newLabel("endif"),
		elseAt: f.newLabel("else"), entry: v,
	})
	then := f.newLabel("then")
	f.line("br i1 %s, label %%%s, label %%%s", condition, then, fr.elseAt)
	f.block(then)
	f.pushAll(v)
}

func (f *function) elseBranch() {
	fr := f.top()
	check(fr.op == opIf && fr.elseAt != "", "else without if")
	f.finishFrame()
	f.stack = f.stack[:fr.height]
	fr.unreachable = false
	f.block(fr.elseAt)
	fr.elseAt = ""
	f.pushAll(fr.entry)
}

// finishFrame checks the results of the innermost frame, which are on the stack, and leaves them
// for its end.
func (f *function) finishFrame() {
	fr := f.top()
	v := f.popAll(fr.results)
	check(len(f.stack) == fr.height, "type mismatch: values are left on the stack")
	f.leaveValues(v, fr.ends)
	f.line("br label %%%s", fr.endLabel())
}

// endLabel is where control goes on behind the frame.
func (fr *frame) endLabel() string {
	if fr.op == opLoop {
		return fr.label + ".end"
	}
	return fr.label
}

func (f *function) end() {
	f.finishFrame()
	fr := *f.top()
	if fr.op == opIf && fr.elseAt != "" { // no else: the parameters are the results
		check(slices.Equal(fr.params, fr.results), "type mismatch of an if without else")
		f.block(fr.elseAt)
		f.leaveValues(fr.entry, fr.ends)
		f.line("br label %%%s", fr.label)
	}
	f.block(fr.endLabel())
	f.frames = f.frames[:len(f.frames)-1]
	f.stack = f.stack[:fr.height]
	f.takeValues(fr.results, fr.ends)
	if len(f.frames) == 0 {
		f.ret(f.stack)
	}
}

// ret returns the function's results.
func (f *function) ret(v []operand) {
	switch len(v) {
	case 0:
		f.line("ret void")
	case 1:
		f.line("ret %s %s", f.llvm(v[0].typ), v[0].s)
	default:
		s, t := "poison", f.result(f.typ)
		for i, x := range v {
			s = f.do("insertvalue %s %s, %s %s, %d", t, s, f.llvm(x.typ), x.s, i)
		}
		f.line("ret %s %s", t, s)
	}
}

// leaveValues stores operands to slots, and takeValues pushes what is in slots.
func (f *function) leaveValues(v []operand, slots []string) {
	for i, x := range v {
		f.line("store %s %s, ptr %s", f.llvm(x.typ), x.s, slots[i])
	}
}

func (f *function) takeValues(types []ValType, slots []string) {
	for i, t := range types {
		f.push(f.do("load %s, ptr %s", f.llvm(t), slots[i]), t)
	}
}

// target returns the frame that a branch of the given depth goes to.
func (f *function) target(depth uint32) *frame {
	check(int64(depth) < int64(len(f.frames)), "unknown label %d", depth)
	return &f.frames[len(f.frames)-1-int(depth)]
}

func (f *function) branch(depth uint32) {
	fr := f.target(depth)
	f.leaveValues(f.popAll(fr.branch), fr.slots)
	f.line("br label %%%s", fr.label)
	f.setUnreachable()
}

func (f *function) branchIf() {
	fr := f.target(f.r.u32())
	condition := f.truth(f.pop(I32))
	v := f.popAll(fr.branch)
	f.leaveValues(v, fr.slots)
	next := f.newLabel("next")
	f.line("br i1 %s, label %%%s, label %%%s", condition, fr.label, next)
	f.block(next)
	f.pushAll(v)
}

func (f *function) branchTable() {
	n := f.r.count()
	depths := make([]uint32, 0, n+1)
	for range n {
		depths = append(depths, f.r.u32())
	}
	last := f.target(f.r.u32())
	selector := f.pop(I32)
	var cases strings.Builder
	done := map[string]bool{}
	leave := func(fr *frame) {
		check(len(fr.branch) == len(last.branch), "type mismatch of a branch table's labels")
		if done[fr.label] {
			return
		}
		done[fr.label] = true
		// Code that is never reached may have operands of unknown types, which fit labels of
		// different types.
		rest := slices.Clone(f.stack)
		v := f.popAll(fr.branch)
		f.leaveValues(v, fr.slots)
		f.stack = rest
	}
	for i, depth := range depths {
		fr := f.target(depth)
		leave(fr)
		if fr.label != last.label {
			fmt.Fprintf(&cases, " i32 %d, label %%%s", i, fr.label)
		}
	}
	leave(last)
	f.line("switch i32 %s, label %%%s [%s ]", selector, last.label, cases.String())
	f.setUnreachable()
}

// truth returns an i1 that says whether an i32 is not 0.
func (f *function) truth(s string) string { return f.do("icmp ne i32 %s, 0", s) }
