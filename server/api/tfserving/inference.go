package tfserving

import (
	"context"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/graph/tensor"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
)

// infer computes the outputs for examples. able refuses models that the caller has no use for; read takes what it needs.
func (s *service) infer(ctx context.Context, spec *tensorflow.ModelSpec, in *tensorflow.Input, able func(*graph.Signature) error,
	read func(e *server.Engine, outs []*tensor.Tensor, rows int) error) (err error) {
	call := s.srv.Call(ctx, server.CallerOf(ctx))
	defer func() { call.End(err) }()
	engine, err := s.pick(ctx, spec)
	if err != nil {
		return err
	}
	if err := able(engine.Signature); err != nil {
		return err
	}
	b, err := newBatch(in, s.srv.MaxRows(engine))
	if err != nil {
		return err
	}
	session, err := call.Begin(engine)
	if err != nil {
		return err
	}
	if err := b.read(session); err != nil {
		return err
	}
	if err := call.Run(session); err != nil {
		return err
	}
	return read(engine, session.Outputs, len(b.examples))
}

// Classify tells the classes of examples.
func (s *service) Classify(ctx context.Context, q *tensorflow.ClassificationRequest) (*tensorflow.ClassificationResponse, error) {
	answer := &tensorflow.ClassificationResponse{}
	able := func(sig *graph.Signature) error { return demand(sig, classifyMethod) }
	return answer, s.infer(ctx, q.ModelSpec, q.Input, able, func(e *server.Engine, outs []*tensor.Tensor, rows int) (err error) {
		answer.ModelSpec = specOf(e)
		answer.Result, err = classify(e.Signature, outs, rows)
		return err
	})
}

// Regress tells the number of each example.
func (s *service) Regress(ctx context.Context, q *tensorflow.RegressionRequest) (*tensorflow.RegressionResponse, error) {
	answer := &tensorflow.RegressionResponse{}
	able := func(sig *graph.Signature) error { return demand(sig, regressMethod) }
	return answer, s.infer(ctx, q.ModelSpec, q.Input, able, func(e *server.Engine, outs []*tensor.Tensor, rows int) (err error) {
		answer.ModelSpec = specOf(e)
		answer.Result, err = regress(e.Signature, outs, rows)
		return err
	})
}

// MultiInference does several tasks of one model with one run.
func (s *service) MultiInference(ctx context.Context, q *tensorflow.MultiInferenceRequest) (*tensorflow.MultiInferenceResponse, error) {
	if err := checkTasks(q.Tasks); err != nil {
		return nil, err
	}
	able := func(sig *graph.Signature) error {
		for _, task := range q.Tasks {
			if err := demand(sig, task.MethodName); err != nil {
				return err
			}
		}
		return nil
	}
	answer := &tensorflow.MultiInferenceResponse{}
	return answer, s.infer(ctx, q.Tasks[0].ModelSpec, q.Input, able, func(e *server.Engine, outs []*tensor.Tensor, rows int) error {
		for _, task := range q.Tasks {
			result := &tensorflow.InferenceResult{ModelSpec: specOf(e)}
			if task.MethodName == classifyMethod {
				c, err := classify(e.Signature, outs, rows)
				if err != nil {
					return err
				}
				result.Result = &tensorflow.InferenceResult_ClassificationResult{ClassificationResult: c}
			} else {
				r, err := regress(e.Signature, outs, rows)
				if err != nil {
					return err
				}
				result.Result = &tensorflow.InferenceResult_RegressionResult{RegressionResult: r}
			}
			answer.Results = append(answer.Results, result)
		}
		return nil
	})
}

// checkTasks refuses tasks that one run of one model cannot do. Errors wrap graph.ErrInput, or graph.ErrUnsupported for
// what is neither classification nor regression.
func checkTasks(tasks []*tensorflow.InferenceTask) error {
	if len(tasks) == 0 {
		return server.Fail(graph.ErrInput, "MultiInferenceRequest::tasks is empty.")
	}
	first := tasks[0].GetModelSpec()
	done := map[string]bool{}
	for _, task := range tasks {
		spec, method := task.GetModelSpec(), task.GetMethodName()
		switch {
		case spec.GetName() == "":
			return server.Fail(graph.ErrInput, "Found ModelSpec with an empty model name.")
		case spec.Name != first.Name:
			return server.Fail(graph.ErrInput, "All ModelSpecs in a MultiInferenceRequest must access the same model name.")
		case spec.GetVersion().GetValue() != first.GetVersion().GetValue() || spec.GetVersionLabel() != first.GetVersionLabel():
			return server.Fail(graph.ErrInput, "All ModelSpecs in a MultiInferenceRequest must access the same model version.")
		case spec.SignatureName != "" && spec.SignatureName != signatureName:
			return server.Fail(graph.ErrInput, "Requested signature not found in model graph: %s", quoted(spec.SignatureName))
		case method != classifyMethod && method != regressMethod:
			return server.Fail(graph.ErrUnsupported, "Unsupported signature method_name: %s", quoted(method))
		case done[method]:
			return server.Fail(graph.ErrInput, "Duplicate evaluation of signature: %s", signatureName)
		}
		done[method] = true
	}
	return nil
}
