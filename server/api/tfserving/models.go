package tfserving

import (
	"context"
	"maps"
	"slices"

	"google.golang.org/grpc/codes"

	"github.com/hotpath/hotpath/graph"
	"github.com/hotpath/hotpath/server"
	"github.com/hotpath/hotpath/server/api/tfserving/tensorflow"
)

// models answers the calls of ModelService.
type models struct {
	tensorflow.UnimplementedModelServiceServer
	srv *server.Server
}

var states = map[server.State]tensorflow.ModelVersionStatus_State{
	server.Listed: tensorflow.ModelVersionStatus_START, server.Loading: tensorflow.ModelVersionStatus_LOADING,
	server.Available: tensorflow.ModelVersionStatus_AVAILABLE, server.End: tensorflow.ModelVersionStatus_END,
}

// GetModelStatus tells the states of versions: all of a model, or the one that was asked for.
func (s *models) GetModelStatus(ctx context.Context, q *tensorflow.GetModelStatusRequest) (*tensorflow.GetModelStatusResponse, error) {
	if err := checkSpec(q.ModelSpec); err != nil {
		return nil, err
	}
	m := lookup(s.srv.ModelsFor(server.CallerOf(ctx)), q.ModelSpec.Name)
	if m == nil {
		return nil, server.Fail(server.ErrNotFound, "Could not find any versions of model %s", quoted(q.ModelSpec.Name))
	}
	n, pinned, err := versionOf(m, q.ModelSpec)
	if err != nil {
		return nil, err
	}
	answer := &tensorflow.GetModelStatusResponse{}
	for _, v := range m.Versions {
		if pinned && v.Number != n {
			continue
		}
		st := &tensorflow.StatusProto{}
		if v.Error != "" {
			st.ErrorCode, st.ErrorMessage = int32(codes.Unknown), v.Error
		}
		answer.ModelVersionStatus = append(answer.ModelVersionStatus, &tensorflow.ModelVersionStatus{Version: v.Number, State: states[v.State], Status: st})
	}
	return answer, nil
}

// HandleReloadConfigRequest looks at the models now. What is served is what the registry and the directories say, so a
// configuration that says the same may be sent, and any other is refused. Errors wrap graph.ErrUnsupported.
func (s *models) HandleReloadConfigRequest(ctx context.Context, q *tensorflow.ReloadConfigRequest) (*tensorflow.ReloadConfigResponse, error) {
	if err := s.srv.Refresh(ctx); err != nil {
		return nil, err
	}
	if err := agree(s.srv.ModelsFor(server.CallerOf(ctx)), q.Config); err != nil {
		return nil, err
	}
	return &tensorflow.ReloadConfigResponse{Status: &tensorflow.StatusProto{}}, nil
}

// agree compares a configuration, where one is sent, with what is served: the set of models, versions that are listed
// one by one, and labels. Paths are not compared: models may be in the registry.
func agree(c *server.Catalog, config *tensorflow.ModelServerConfig) error {
	switch kind := config.GetConfig().(type) {
	case *tensorflow.ModelServerConfig_CustomModelConfig:
		return refuse("custom_model_config is not read")
	case *tensorflow.ModelServerConfig_ModelConfigList:
		asked := map[string]bool{}
		for _, m := range kind.ModelConfigList.GetConfig() {
			served := lookup(c, m.GetName())
			if served == nil || served.Name != m.Name || asked[m.Name] {
				return refuse("model " + quoted(m.GetName()) + " is not served or listed twice")
			}
			asked[m.Name] = true
			if err := agreeModel(served, m); err != nil {
				return err
			}
		}
		for _, m := range c.Models {
			if !asked[m.Name] {
				return refuse("model " + m.Name + " is served and not listed")
			}
		}
	}
	return nil
}

func agreeModel(served *server.Model, m *tensorflow.ModelConfig) error {
	if policy := m.GetModelVersionPolicy().GetSpecific(); policy != nil {
		var have []int64
		for _, v := range served.Versions {
			have = append(have, v.Number)
		}
		slices.Sort(have)
		if !slices.Equal(have, slices.Compact(slices.Sorted(slices.Values(policy.Versions)))) {
			return refuse("model " + m.Name + " is served in other versions")
		}
	}
	if len(m.VersionLabels) > 0 && !maps.Equal(m.VersionLabels, served.Labels) {
		return refuse("model " + m.Name + " has other labels")
	}
	return nil
}

func refuse(why string) error {
	return server.Fail(graph.ErrUnsupported,
		"a configuration that differs from what is served is not taken over (%s): change models, versions and labels in the registry or the directories of the server", why)
}
