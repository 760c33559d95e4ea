package check

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// protos are the interface definitions, with the plugins that make Go of them.
var protos = []struct {
	file    string
	plugins []string
}{
	{"server/api/kserve/inference/inference.proto", []string{"protoc-gen-go", "protoc-gen-go-grpc"}},
	{"server/api/tfserving/tensorflow/tensorflow.proto", []string{"protoc-gen-go"}},
	{"server/api/tfserving/tensorflow/serving.proto", []string{"protoc-gen-go", "protoc-gen-go-grpc"}},
}

// TestProtos makes Go of the interface definitions again and compares; with -write it writes.
func TestProtos(t *testing.T) {
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{root}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	for _, p := range protos {
		files, err := compiler.Compile(t.Context(), p.file)
		if err != nil {
			t.Fatal(err)
		}
		request := &pluginpb.CodeGeneratorRequest{FileToGenerate: []string{p.file}, Parameter: proto.String("paths=source_relative"),
			ProtoFile: withImports(files[0], map[string]bool{}, nil)}
		in, err := proto.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		for _, plugin := range p.plugins {
			cmd := exec.Command("go", "tool", plugin)
			cmd.Dir, cmd.Stdin, cmd.Stderr = root, bytes.NewReader(in), os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", plugin, err)
			}
			var response pluginpb.CodeGeneratorResponse
			if err := proto.Unmarshal(out, &response); err != nil {
				t.Fatal(err)
			}
			if response.Error != nil {
				t.Fatalf("%s: %s", plugin, *response.Error)
			}
			for _, f := range response.File {
				name := filepath.Join(root, f.GetName())
				if *write {
					if err := os.WriteFile(name, []byte(f.GetContent()), 0o644); err != nil {
						t.Fatal(err)
					}
					continue
				}
				if have, err := os.ReadFile(name); err != nil || string(have) != f.GetContent() {
					t.Errorf("%s is not what %s gives: run make gen (%v)", f.GetName(), p.file, err)
				}
			}
		}
	}
}

// withImports appends f behind everything it imports, as plugins want it.
func withImports(f protoreflect.FileDescriptor, seen map[string]bool, list []*descriptorpb.FileDescriptorProto) []*descriptorpb.FileDescriptorProto {
	if seen[f.Path()] {
		return list
	}
	seen[f.Path()] = true
	for i := range f.Imports().Len() {
		list = withImports(f.Imports().Get(i).FileDescriptor, seen, list)
	}
	return append(list, protodesc.ToFileDescriptorProto(f))
}
