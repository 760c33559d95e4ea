package interp

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"unsafe"
)

// Library is all generated kernels of a directory, with what their stubs say about the arguments.
type Library struct {
	programs map[string]*Program
	layouts  map[string]Layout
}

// Load parses z*_amd64.s and zstubs_amd64.go in dir.
func Load(dir string) (*Library, error) {
	l := &Library{programs: map[string]*Program{}, layouts: map[string]Layout{}}
	stubs, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "zstubs_amd64.go"), nil, 0)
	if err != nil {
		return nil, err
	}
	for _, d := range stubs.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			l.layouts[fn.Name.Name] = layoutOf(fn)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "z*_amd64.s"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		p, err := ParseFile(path)
		if err != nil {
			return nil, err
		}
		if _, ok := l.layouts[p.Name]; !ok {
			return nil, fmt.Errorf("%s: no stub for %s", path, p.Name)
		}
		l.programs[p.Name] = p
	}
	return l, nil
}

// layoutOf lays out a stub's arguments as the assembler sees them.
func layoutOf(fn *ast.FuncDecl) Layout {
	var out Layout
	offset := 0
	for _, field := range fn.Type.Params.List {
		for _, name := range field.Names {
			size, element := 8, 0
			switch t := field.Type.(type) {
			case *ast.ArrayType:
				size, element = 24, sizeOf(t.Elt.(*ast.Ident).Name)
			case *ast.Ident:
				size = sizeOf(t.Name)
			}
			align := min(size, 8)
			offset = (offset + align - 1) / align * align
			if element > 0 {
				out.Slices = append(out.Slices, Slice{name.Name, offset, element})
			}
			offset += size
		}
	}
	out.Result = (offset + 7) / 8 * 8
	return out
}

func sizeOf(typ string) int {
	switch {
	case strings.HasSuffix(typ, "8"):
		return 1
	case strings.HasSuffix(typ, "16"):
		return 2
	case strings.HasSuffix(typ, "32"):
		return 4
	}
	return 8
}

// Emulate runs the kernel called name. It has the form of a kernels.Emulator and panics where the kernel misbehaves.
func (l *Library) Emulate(name string, args unsafe.Pointer) {
	p, ok := l.programs[name]
	if !ok {
		panic(fmt.Sprintf("interp: no kernel %s", name))
	}
	if err := p.Run(args, l.layouts[name]); err != nil {
		panic("interp: " + err.Error())
	}
}
