#include "serve/openai/openapi_schemas.h"

namespace stapes::serve {

const char* const kRequestSchemas = R"json({
  "Sampling": {
    "type": "object",
    "properties": {
      "model": {"type": ["string", "null"], "description": "Any: the one model that is served answers"},
      "stream": {"type": ["boolean", "null"], "default": false},
      "stream_options": {
        "type": ["object", "null"],
        "description": "Only with stream",
        "properties": {"include_usage": {"type": ["boolean", "null"], "default": false}}
      },
      "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 64, "default": 1},
      "max_tokens": {"type": ["integer", "null"], "minimum": 1, "description": "Thinking included"},
      "max_completion_tokens": {"type": ["integer", "null"], "minimum": 1, "description": "Counts before max_tokens"},
      "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 100, "description": "0: the most likely token"},
      "top_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
      "top_k": {"type": ["integer", "null"], "minimum": -1, "description": "0 and -1: all"},
      "min_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
      "repetition_penalty": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 100},
      "frequency_penalty": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
      "presence_penalty": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
      "seed": {"type": ["integer", "null"], "description": "The same seed gives the same answer; without it each is another"},
      "stop": {
        "anyOf": [
          {"$ref": "#/components/schemas/StopText"},
          {"type": "array", "maxItems": 16, "items": {"$ref": "#/components/schemas/StopText"}},
          {"type": "null"}
        ]
      },
      "stop_token_ids": {"type": ["array", "null"], "maxItems": 64, "items": {"type": "integer", "minimum": 0}},
      "ignore_eos": {"type": ["boolean", "null"], "default": false, "description": "Goes on to max_tokens, for measurements"},
      "skip_special_tokens": {"type": ["boolean", "null"], "default": true},
      "logit_bias": {"type": ["object", "null"], "maxProperties": 0, "description": "Not supported"},
      "response_format": {
        "type": ["object", "null"],
        "required": ["type"],
        "properties": {"type": {"const": "text"}}
      },
      "functions": {"type": "null", "description": "Not supported: use tools"},
      "function_call": {"type": "null", "description": "Not supported: use tools"},
      "modalities": {"type": ["array", "null"], "items": {"const": "text"}}
    }
  },
  "StopText": {"type": "string", "minLength": 1, "maxLength": 256},
  "ChatRequest": {
    "allOf": [{"$ref": "#/components/schemas/Sampling"}],
    "type": "object",
    "required": ["messages"],
    "properties": {
      "messages": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Message"}},
      "logprobs": {"type": ["boolean", "null"], "default": false},
      "top_logprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": 20, "description": "Only with logprobs"},
      "tools": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Tool"}},
      "tool_choice": {"enum": ["none", "auto", null], "default": "auto"},
      "reasoning_effort": {
        "enum": ["none", "minimal", "low", "medium", "high", "xhigh", null],
        "description": "Thinking is closed after 0, 128, 512, 2048 tokens; high and xhigh: never"
      },
      "thinking_budget": {"type": ["integer", "null"], "minimum": -1, "description": "Tokens; -1: no limit. Counts before reasoning_effort"},
      "think_budget": {"type": ["integer", "null"], "minimum": -1, "description": "Another name of thinking_budget"},
      "reasoning_format": {
        "enum": ["reasoning_content", "deepseek", "parsed", "content", "none", "raw", "hidden", "auto", null],
        "description": "Where thinking appears: in a field of its own (the first three), in the content between <think> and </think> (the next three), nowhere, or as the server is set"
      },
      "include_reasoning": {"type": ["boolean", "null"], "default": true, "description": "false: reasoning_format hidden"},
      "chat_template_kwargs": {
        "type": ["object", "null"],
        "properties": {"enable_thinking": {"type": ["boolean", "null"], "default": true}}
      },
      "continue_final_message": {"type": ["boolean", "null"], "description": "The assistant's message at the end is continued"},
      "add_generation_prompt": {"type": ["boolean", "null"], "default": true}
    }
  },
  "Message": {
    "type": "object",
    "required": ["role"],
    "properties": {
      "role": {
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]{1,64}$",
        "description": "system, developer, user, human, assistant, tool, function, input, function_output, tool_json_schemas, or any other word"
      },
      "content": {
        "anyOf": [
          {"type": ["string", "null"]},
          {"type": "array", "items": {"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/Part"}]}}
        ]
      },
      "name": {"type": ["string", "null"], "description": "Of a tool's result: the tool"},
      "tool_call_id": {"type": ["string", "null"]},
      "tool_calls": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/ToolCall"}},
      "reasoning_content": {"type": ["string", "null"], "description": "Heeded in the last message only, where it is continued"},
      "tts_content": {
        "type": ["object", "null"],
        "properties": {
          "tts_text": {"type": ["string", "null"]},
          "tts_audio": {"type": ["string", "null"], "pattern": "^(<audio_[0-9]{1,4}>)*$"}
        }
      },
      "eot": {"type": ["boolean", "null"], "description": "Of the assistant's message at the end; false: it is continued"}
    }
  },
  "Part": {
    "oneOf": [
      {
        "type": "object",
        "required": ["type", "text"],
        "properties": {"type": {"const": "text"}, "text": {"type": "string"}}
      },
      {
        "type": "object",
        "required": ["type", "refusal"],
        "properties": {"type": {"const": "refusal"}, "refusal": {"type": "string"}}
      },
      {
        "type": "object",
        "required": ["type", "input_audio"],
        "properties": {
          "type": {"const": "input_audio"},
          "input_audio": {
            "type": "object",
            "required": ["data"],
            "properties": {
              "data": {"type": "string", "contentEncoding": "base64", "description": "WAV, MP3, FLAC, Ogg, AIFF, ...: the content decides"},
              "format": {"description": "Ignored"}
            }
          }
        }
      },
      {
        "type": "object",
        "required": ["type", "audio_url"],
        "properties": {
          "type": {"const": "audio_url"},
          "audio_url": {
            "anyOf": [
              {"type": "string"},
              {"type": "object", "required": ["url"], "properties": {"url": {"type": "string"}}}
            ]
          }
        }
      }
    ]
  },
  "Tool": {
    "type": "object",
    "required": ["type", "function"],
    "properties": {
      "type": {"const": "function"},
      "function": {
        "type": "object",
        "required": ["name"],
        "properties": {
          "name": {"type": "string", "minLength": 1},
          "description": {"type": ["string", "null"]},
          "parameters": {"type": ["object", "null"]}
        }
      }
    }
  },
  "ToolCall": {
    "type": "object",
    "required": ["function"],
    "properties": {
      "index": {"type": "integer", "description": "In chunks"},
      "id": {"type": ["string", "null"]},
      "type": {"const": "function"},
      "function": {
        "type": "object",
        "required": ["name"],
        "properties": {
          "name": {"type": "string", "minLength": 1},
          "arguments": {"type": ["string", "object", "null"], "description": "JSON, as the model wrote it"}
        }
      }
    }
  },
  "CompletionRequest": {
    "allOf": [{"$ref": "#/components/schemas/Sampling"}],
    "type": "object",
    "required": ["prompt"],
    "properties": {
      "prompt": {
        "anyOf": [
          {"type": "string", "minLength": 1},
          {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
          {
            "type": "array",
            "minItems": 1,
            "maxItems": 32,
            "items": {
              "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}}
              ]
            }
          }
        ],
        "description": "Names of control tokens in a text become these tokens"
      },
      "echo": {"type": ["boolean", "null"], "default": false},
      "logprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": 20, "description": "Not with echo"},
      "best_of": {"type": ["integer", "null"], "minimum": 1, "description": "At most n"},
      "suffix": {"enum": ["", null], "description": "Not supported"}
    }
  },
  "TokenizeRequest": {
    "type": "object",
    "anyOf": [{"required": ["prompt"]}, {"required": ["content"]}, {"required": ["messages"]}],
    "properties": {
      "prompt": {"type": ["string", "null"]},
      "content": {"type": ["string", "null"], "description": "Another name of prompt"},
      "messages": {"type": ["array", "null"], "minItems": 1, "items": {"$ref": "#/components/schemas/Message"}},
      "parse_special": {"type": ["boolean", "null"], "default": true, "description": "Names of control tokens in a text become these tokens"},
      "return_token_strs": {"type": ["boolean", "null"], "default": false},
      "with_pieces": {"type": ["boolean", "null"], "default": false, "description": "Another name of return_token_strs"}
    }
  },
  "DetokenizeRequest": {
    "type": "object",
    "required": ["tokens"],
    "properties": {"tokens": {"type": "array", "items": {"type": "integer", "minimum": 0}}}
  }
})json";

const char* const kReplySchemas = R"json({
  "FinishReason": {"enum": ["stop", "length", "tool_calls", "abort", null]},
  "StopReason": {"type": ["string", "integer", "null"], "description": "The stop text or the request's own stop token that ended the answer"},
  "ChatCompletion": {
    "type": "object",
    "required": ["id", "object", "created", "model", "choices", "usage"],
    "properties": {
      "id": {"type": "string"},
      "object": {"const": "chat.completion"},
      "created": {"type": "integer"},
      "model": {"type": "string"},
      "choices": {
        "type": "array",
        "items": {
          "type": "object",
          "required": ["index", "message", "finish_reason"],
          "properties": {
            "index": {"type": "integer"},
            "message": {"$ref": "#/components/schemas/Reply"},
            "logprobs": {"$ref": "#/components/schemas/ChatLogprobs"},
            "finish_reason": {"$ref": "#/components/schemas/FinishReason"},
            "stop_reason": {"$ref": "#/components/schemas/StopReason"}
          }
        }
      },
      "usage": {"$ref": "#/components/schemas/Usage"}
    }
  },
  "ChatCompletionChunk": {
    "type": "object",
    "required": ["id", "object", "created", "model", "choices"],
    "properties": {
      "id": {"type": "string"},
      "object": {"const": "chat.completion.chunk"},
      "created": {"type": "integer"},
      "model": {"type": "string"},
      "choices": {
        "type": "array",
        "description": "One; none in the chunk with the usage",
        "items": {
          "type": "object",
          "required": ["index", "delta", "finish_reason"],
          "properties": {
            "index": {"type": "integer"},
            "delta": {"$ref": "#/components/schemas/Reply"},
            "logprobs": {"$ref": "#/components/schemas/ChatLogprobs"},
            "finish_reason": {"$ref": "#/components/schemas/FinishReason"},
            "stop_reason": {"$ref": "#/components/schemas/StopReason"}
          }
        }
      },
      "usage": {"anyOf": [{"$ref": "#/components/schemas/Usage"}, {"type": "null"}]}
    }
  },
  "Reply": {
    "type": "object",
    "required": ["content"],
    "properties": {
      "role": {"const": "assistant"},
      "content": {"type": ["string", "null"]},
      "reasoning_content": {"type": "string"},
      "refusal": {"type": "null"},
      "tool_calls": {"type": "array", "items": {"$ref": "#/components/schemas/ToolCall"}},
      "tts_content": {
        "type": "object",
        "required": ["tts_text", "tts_audio"],
        "properties": {"tts_text": {"type": "string"}, "tts_audio": {"type": "string"}}
      }
    }
  },
  "ChatLogprobs": {
    "type": ["object", "null"],
    "required": ["content"],
    "properties": {
      "content": {"type": "array", "items": {"$ref": "#/components/schemas/TokenLogprob"}},
      "reasoning_content": {"type": "array", "items": {"$ref": "#/components/schemas/TokenLogprob"}},
      "refusal": {"type": "null"}
    }
  },
  "TokenLogprob": {
    "type": "object",
    "required": ["token", "logprob", "bytes"],
    "properties": {
      "token": {"type": "string"},
      "logprob": {"type": "number", "maximum": 0, "description": "Of the model itself: before temperature, penalties and cuts"},
      "bytes": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}},
      "top_logprobs": {"type": "array", "items": {"$ref": "#/components/schemas/TokenLogprob"}}
    }
  },
  "Completion": {
    "type": "object",
    "required": ["id", "object", "created", "model", "choices"],
    "properties": {
      "id": {"type": "string"},
      "object": {"const": "text_completion"},
      "created": {"type": "integer"},
      "model": {"type": "string"},
      "choices": {
        "type": "array",
        "items": {
          "type": "object",
          "required": ["index", "text", "finish_reason"],
          "properties": {
            "index": {"type": "integer", "description": "prompt * n + sample"},
            "text": {"type": "string"},
            "logprobs": {
              "type": ["object", "null"],
              "required": ["tokens", "token_logprobs", "top_logprobs", "text_offset"],
              "properties": {
                "tokens": {"type": "array", "items": {"type": "string"}},
                "token_logprobs": {"type": "array", "items": {"type": "number"}},
                "top_logprobs": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "number"}}},
                "text_offset": {"type": "array", "items": {"type": "integer"}}
              }
            },
            "finish_reason": {"$ref": "#/components/schemas/FinishReason"},
            "stop_reason": {"$ref": "#/components/schemas/StopReason"}
          }
        }
      },
      "usage": {"anyOf": [{"$ref": "#/components/schemas/Usage"}, {"type": "null"}]}
    }
  },
  "Usage": {
    "type": "object",
    "required": ["prompt_tokens", "completion_tokens", "total_tokens"],
    "properties": {
      "prompt_tokens": {"type": "integer"},
      "completion_tokens": {"type": "integer"},
      "total_tokens": {"type": "integer"},
      "prompt_tokens_details": {
        "type": "object",
        "properties": {"cached_tokens": {"type": "integer"}, "audio_tokens": {"type": "integer"}}
      },
      "completion_tokens_details": {
        "type": "object",
        "properties": {"reasoning_tokens": {"type": "integer"}, "audio_tokens": {"type": "integer"}}
      }
    }
  },
  "ModelList": {
    "type": "object",
    "required": ["object", "data"],
    "properties": {
      "object": {"const": "list"},
      "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}
    }
  },
  "Model": {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {
      "id": {"type": "string"},
      "object": {"const": "model"},
      "created": {"type": "integer"},
      "owned_by": {"type": "string"},
      "max_model_len": {"type": "integer", "description": "Tokens of prompt and answer together"}
    }
  },
  "Tokens": {
    "type": "object",
    "required": ["count", "max_model_len", "tokens"],
    "properties": {
      "count": {"type": "integer"},
      "max_model_len": {"type": "integer"},
      "tokens": {"type": "array", "items": {"type": "integer"}},
      "token_strs": {"type": "array", "items": {"type": "string"}}
    }
  },
  "Error": {
    "type": "object",
    "required": ["error"],
    "properties": {
      "error": {
        "type": "object",
        "required": ["message", "type", "param", "code"],
        "properties": {
          "message": {"type": "string"},
          "type": {"type": "string"},
          "param": {"type": ["string", "null"], "description": "The path of the field"},
          "code": {"type": ["string", "null"]}
        }
      }
    }
  }
})json";

}  // namespace stapes::serve
