"""What MLServer runs: ONNX Runtime on the model that mlserver_server.py names, over MLServer's own codecs of requests."""
import onnxruntime as ort
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Runtime(MLModel):
    async def load(self):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(self.settings.parameters.uri, options, providers=["CPUExecutionProvider"])
        self.output = self.session.get_outputs()[0].name
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feeds = {i.name: NumpyCodec.decode_input(i) for i in payload.inputs}
        result = self.session.run([self.output], feeds)[0]
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output(self.output, result)])
