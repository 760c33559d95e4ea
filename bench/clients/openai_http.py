"""Drives a hotpath server with the openai client, unmodified: models, and embeddings of token ids in its default call."""
import base64

import numpy as np
import openai

import service
from service import expect, refused

table = (np.arange(50, dtype=np.float32).reshape(10, 5) / 7).astype(np.float32)

with service.Service(service.binary()) as s:
    client = openai.OpenAI(base_url=f"http://{s.http}/v1", api_key="none", max_retries=0)
    names = [m.id for m in client.models.list()]
    expect("models.list", "embed" in names and "pair" in names, names)
    m = client.models.retrieve("embed")
    expect("models.retrieve", m.id == "embed" and m.object == "model" and m.created > 0, m)
    for format in [openai.omit, "float", "base64"]:
        answer = client.embeddings.create(model="embed", input=[[1, 2, 3], [4, 5, 6], [9]], encoding_format=format)
        vectors = [d.embedding for d in answer.data]
        got = np.array([np.frombuffer(base64.b64decode(v), "<f4") for v in vectors] if format == "base64" else vectors, np.float32)
        want = np.stack([table[[1, 2, 3]].mean(0), table[[4, 5, 6]].mean(0), table[9]])
        expect(f"embeddings.create, format {format or 'left to the client'}", np.allclose(got, want, atol=1e-6) and answer.usage.total_tokens == 7, answer)
    answer = client.embeddings.create(model="embed", input=[7])
    expect("embeddings.create of one input", np.allclose(answer.data[0].embedding, table[7], atol=1e-6), answer)
    answer = openai.OpenAI(base_url=f"http://{s.http}/openai/v1", api_key="none").embeddings.create(model="embed", input=[7])
    expect("the same below /openai", np.allclose(answer.data[0].embedding, table[7], atol=1e-6), answer)
    refused("text", lambda: client.embeddings.create(model="embed", input="hi"), "tokenizer")
    refused("unknown model", lambda: client.embeddings.create(model="gpt", input=[1]), "The model 'gpt' does not exist")
service.finish()
