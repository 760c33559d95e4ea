package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/hotpath/hotpath/server/api/kserve/inference"
)

// caller is a client of gRPC.
type caller struct {
	conn   *grpc.ClientConn
	client inference.GRPCInferenceServiceClient
	known  context.Context // with the key
}

func (s *site) dial() (*caller, error) {
	conn, err := grpc.NewClient(s.proxy.address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(2*maxBody)))
	if err != nil {
		return nil, err
	}
	return &caller{conn, inference.NewGRPCInferenceServiceClient(conn), metadata.AppendToOutgoingContext(noContext, "authorization", "Bearer "+s.key)}, nil
}

func (c *caller) close() { c.conn.Close() }

func request(model string, rows int) *inference.ModelInferRequest {
	_, body := infer(rows)
	return &inference.ModelInferRequest{ModelName: model, RawInputContents: [][]byte{body[len(body)-rows*width*4:]},
		Inputs: []*inference.ModelInferRequest_InferInputTensor{{Name: "input", Datatype: "FP32", Shape: []int64{int64(rows), width}}}}
}

// same reports an answer that is not the input.
func same(req *inference.ModelInferRequest, a *inference.ModelInferResponse, err error) error {
	if err == nil && (len(a.RawOutputContents) != 1 || string(a.RawOutputContents[0]) != string(req.RawInputContents[0])) {
		err = errors.New("another answer")
	}
	return err
}

func (c *caller) infer(model string, rows int) error {
	ctx, cancel := context.WithTimeout(c.known, patience)
	defer cancel()
	req := request(model, rows)
	a, err := c.client.ModelInfer(ctx, req)
	return same(req, a, err)
}

// calls are those of gRPC: health, answers small and large, errors with their code, streams.
func calls(s *site) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.close()
	if h, err := healthpb.NewHealthClient(c.conn).Check(noContext, &healthpb.HealthCheckRequest{}); err != nil || h.Status != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("health: %v %w", h, err)
	}
	for range 20 {
		for _, rows := range []int{1, 100, 10_000} {
			if err := c.infer("m", rows); err != nil {
				return fmt.Errorf("%d rows: %w", rows, err)
			}
		}
	}
	short := request("m", 2)
	short.RawInputContents = request("m", 1).RawInputContents
	for _, f := range []struct {
		ctx  context.Context
		req  *inference.ModelInferRequest
		want codes.Code
	}{
		{noContext, request("m", 1), codes.Unauthenticated},
		{c.known, request("none", 1), codes.NotFound},
		{c.known, short, codes.InvalidArgument},
		{c.known, request("m", maxBody/width/4+1), codes.ResourceExhausted},
	} {
		for range 5 {
			if _, err := c.client.ModelInfer(f.ctx, f.req); status.Code(err) != f.want {
				return fmt.Errorf("%.200v, expected %v", err, f.want)
			}
		}
	}
	stream, err := c.client.ModelStreamInfer(c.known)
	if err != nil {
		return err
	}
	for range 50 {
		req := request("m", 3)
		if err := stream.Send(req); err != nil {
			return err
		}
		a, err := stream.Recv()
		if err := same(req, a.GetInferResponse(), err); err != nil {
			return fmt.Errorf("stream: %w", err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := stream.Recv(); err != io.EOF {
		return fmt.Errorf("the end of a stream: %w", err)
	}
	return nil
}
