//go:build unix

package kernels_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/hotpath/hotpath/internal/cpu"
	"github.com/hotpath/hotpath/internal/testkit"
	"github.com/hotpath/hotpath/kernels"
)

// vector calls a family whose arguments are slices of one length and scalars, by its signature, so that no list of families is needed.
type vector struct {
	name string
	call reflect.Value
}

// multiples lists families whose callers round lengths: the slices' length is a multiple of this.
var multiples = map[string]int{"widen_u8s16": 16, "rotary_pairs_f32": 2, "maximum_u8": 32}

// ownRules lists families whose slices differ in length, or whose values keep to a range; the contract has their cases.
var ownRules = []string{"exp_sum_f32", "lookup_u8", "qadd_u8", "qmul_u8", "rotary_f32"}

// plainOnly lists families that leave NaN and the sign of zero open; MaxF32, MinF32 and softmax, which call them, do not.
var plainOnly = []string{"max_f32", "min_f32"}

// vectors lists such families. What takes an int (a stride, a count) has rules of its own about lengths.
func vectors() []vector {
	var all []vector
	for _, d := range kernels.Dispatchers() {
		f := reflect.ValueOf(d.Func)
		plain := f.Type().NumIn() > 0 && !slices.Contains(ownRules, d.Family)
		for i := range f.Type().NumIn() {
			switch in := f.Type().In(i); {
			case in.Kind() == reflect.Slice && slices.Contains([]reflect.Kind{reflect.Float32, reflect.Uint8, reflect.Int8, reflect.Int16}, in.Elem().Kind()):
			case in.Kind() == reflect.Float32, in.Kind() == reflect.Int32:
			default:
				plain = false
			}
		}
		if plain && f.Type().In(0).Kind() == reflect.Slice {
			all = append(all, vector{d.Family, f})
		}
	}
	return all
}

// arguments makes operands of n elements, offset elements from the start of an allocation; scalars are harmless ones.
func (v *vector) arguments(r *rand.Rand, n, offset int, special bool) []reflect.Value {
	if m := multiples[v.name]; m > 0 {
		n -= n % m
	}
	var args []reflect.Value
	values := testkit.SpecialF32()
	for i := range v.call.Type().NumIn() {
		in := v.call.Type().In(i)
		switch in.Kind() {
		case reflect.Float32:
			args = append(args, reflect.ValueOf(0.25+r.Float32()))
			continue
		case reflect.Int32:
			args = append(args, reflect.ValueOf(int32(r.IntN(256))))
			continue
		}
		s := reflect.MakeSlice(in, offset+n, offset+n)
		for j := range n {
			switch e := s.Index(offset + j).Addr().Interface().(type) {
			case *float32:
				*e = float32(r.NormFloat64() * 3)
				if special && !slices.Contains(plainOnly, v.name) && r.IntN(8) == 0 {
					*e = values[r.IntN(len(values))]
				}
			case *uint8:
				*e = uint8(r.Uint32())
			case *int8:
				*e = int8(r.Uint32())
			case *int16:
				*e = int16(r.Uint32())
			}
		}
		args = append(args, s.Slice(offset, offset+n))
	}
	return args
}

// outcome runs the family at a tier on copies of the arguments and returns all of them with the results.
func (v *vector) outcome(t cpu.Tier, args []reflect.Value) []reflect.Value {
	defer kernels.SetTier(kernels.SetTier(t))
	var own []reflect.Value
	for _, a := range args {
		if a.Kind() == reflect.Slice {
			c := reflect.MakeSlice(a.Type(), a.Len(), a.Len())
			reflect.Copy(c, a)
			a = c
		}
		own = append(own, a)
	}
	return append(own, v.call.Call(own)...)
}

// sameValues compares two outcomes bit for bit, NaN payloads aside.
func sameValues(a, b reflect.Value) error {
	if a.Kind() == reflect.Float32 {
		if x, y := a.Interface().(float32), b.Interface().(float32); !testkit.SameF32(x, y) {
			return fmt.Errorf("%g, reference %g", x, y)
		}
		return nil
	}
	if a.Kind() != reflect.Slice {
		return nil
	}
	if x, ok := a.Interface().([]float32); ok {
		for i, y := range b.Interface().([]float32) {
			if !testkit.SameF32(x[i], y) {
				return fmt.Errorf("element %d is %g, reference %g", i, x[i], y)
			}
		}
		return nil
	}
	if !reflect.DeepEqual(a.Interface(), b.Interface()) {
		return fmt.Errorf("integers differ from the reference")
	}
	return nil
}

// tiers lists those above the reference that this run may use.
func tiers() []cpu.Tier {
	return slices.DeleteFunc(cpu.Tiers(), func(t cpu.Tier) bool { return t == cpu.Ref || t > kernels.Tier() })
}

// check compares every tier that has a variant of the family with the reference.
func (v *vector) check(t *testing.T, args []reflect.Value) {
	t.Helper()
	want := v.outcome(cpu.Ref, args)
	for _, tier := range tiers() {
		if kernels.Chosen(v.name, tier).Tier != tier {
			continue
		}
		for i, got := range v.outcome(tier, args) {
			if err := sameValues(got, want[i]); err != nil {
				t.Fatalf("%s at %v, argument or result %d: %v", v.name, tier, i, err)
			}
		}
	}
}

// beyondL2 floats are 2.8 MB, more than the second-level cache of any CPU met so far, and no multiple of a block.
const beyondL2 = 700_001

// TestLarge has one size beyond the second-level cache for every family.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("the reference takes seconds")
	}
	r := rand.New(rand.NewPCG(5, 9))
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) { v.check(t, v.arguments(r, beyondL2, 3, true)) })
	}
	f32 := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	same := func(name string, run func() any) {
		t.Run(name, func(t *testing.T) {
			previous := kernels.SetTier(cpu.Ref)
			defer kernels.SetTier(previous)
			want := run()
			kernels.SetTier(previous)
			if !reflect.DeepEqual(run(), want) {
				t.Errorf("%v and the reference differ", previous)
			}
		})
	}
	a, w := f32(5*1100), f32(1100*700) // weights of 3 MB
	same("gemm_f32", func() any {
		c := make([]float32, 5*700)
		kernels.GemmF32(nil, 5, a, 1100, kernels.PackF32(1100, 700, w, 700, 1), c, 700, nil, &kernels.Epilogue{Act: kernels.ActRelu})
		return c
	})
	au, ws := make([]uint8, 3*1100), make([]int8, 1100*2100)
	for i := range au {
		au[i] = uint8(r.Uint32())
	}
	for i := range ws {
		ws[i] = int8(r.Uint32())
	}
	same("gemm_u8s8", func() any {
		c := make([]int32, 3*2100)
		kernels.GemmU8S8S32(nil, 3, au, 1100, kernels.PackS8(1100, 2100, ws, 2100, 1), c, 2100)
		return c
	})
	image, filters := f32(64*105*105), f32(4*64)
	same("conv_f32", func() any {
		s := &kernels.ConvShape{H: 105, W: 105, OH: 105, OW: 105, KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
		p := kernels.PackConv(filters, 4, 64, 1, 1, 1)
		nf, ni := p.ConvScratch(s)
		c := make([]float32, 4*105*105)
		kernels.ConvF32(nil, c, image, filters[:4], p, 1, s, make([]float32, nf), make([]int64, ni))
		return c
	})
	same("transpose_f32", func() any {
		c := make([]float32, 1001*703)
		kernels.TransposeF32(c, image[:1001*703], 1001, 703, 1001, 703)
		return c
	})
}
