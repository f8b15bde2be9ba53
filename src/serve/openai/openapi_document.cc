#include "serve/openai/json_body.h"
#include "serve/openai/openapi_schemas.h"
#include "serve/openai/other_bodies.h"
#include "serve/openai/reply_json.h"

namespace stapes::serve {
namespace {

constexpr const char* kInfoAndPaths = R"json({
  "openapi": "3.1.0",
  "info": {
    "title": "Stapes",
    "summary": "Audio reasoning: OpenAI's chat completions with sound and thinking",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
  },
  "security": [{}, {"key": []}],
  "paths": {
    "/v1/chat/completions": {
      "post": {
        "operationId": "createChatCompletion",
        "summary": "Listen, think, answer",
        "requestBody": {"$ref": "#/components/requestBodies/Chat"},
        "responses": {
          "200": {
            "description": "The answer; with stream, one event for each piece of it and at last [DONE]",
            "content": {
              "application/json": {"schema": {"$ref": "#/components/schemas/ChatCompletion"}},
              "text/event-stream": {"schema": {"$ref": "#/components/schemas/ChatCompletionChunk"}}
            }
          },
          "default": {"$ref": "#/components/responses/Error"}
        }
      }
    },
    "/v1/completions": {
      "post": {
        "operationId": "createCompletion",
        "summary": "Go on with a text, without chat format",
        "requestBody": {"$ref": "#/components/requestBodies/Completion"},
        "responses": {
          "200": {
            "description": "The text; with stream, one event for each piece of it and at last [DONE]",
            "content": {
              "application/json": {"schema": {"$ref": "#/components/schemas/Completion"}},
              "text/event-stream": {"schema": {"$ref": "#/components/schemas/Completion"}}
            }
          },
          "default": {"$ref": "#/components/responses/Error"}
        }
      }
    },
    "/v1/models": {
      "get": {
        "operationId": "listModels",
        "summary": "The one model that is served",
        "responses": {
          "200": {
            "description": "A list of one",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ModelList"}}}
          },
          "default": {"$ref": "#/components/responses/Error"}
        }
      }
    },
    "/v1/models/{model}": {
      "get": {
        "operationId": "retrieveModel",
        "summary": "The model of this name",
        "parameters": [{"name": "model", "in": "path", "required": true, "schema": {"type": "string"}}],
        "responses": {
          "200": {
            "description": "The model",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Model"}}}
          },
          "default": {"$ref": "#/components/responses/Error"}
        }
      }
    },
    "/tokenize": {
      "post": {
        "operationId": "tokenize",
        "summary": "The token ids of a text, or of a chat's prompt",
        "requestBody": {"$ref": "#/components/requestBodies/Tokenize"},
        "responses": {
          "200": {
            "description": "The ids",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tokens"}}}
          },
          "default": {"$ref": "#/components/responses/Error"}
        }
      }
    },
    "/detokenize": {
      "post": {
        "operationId": "detokenize",
        "summary": "The text of token ids",
        "requestBody": {"$ref": "#/components/requestBodies/Detokenize"},
        "responses": {
          "200": {
            "description": "The text, under both names that are in use",
            "content": {"application/json": {"schema": {
              "type": "object",
              "required": ["prompt", "content"],
              "properties": {"prompt": {"type": "string"}, "content": {"type": "string"}}
            }}}
          },
          "default": {"$ref": "#/components/responses/Error"}
        }
      }
    },
    "/health": {
      "get": {
        "operationId": "health",
        "summary": "Whether requests are answered",
        "security": [],
        "responses": {
          "200": {"description": "They are"},
          "503": {"description": "The model's loop is dead, or the server is stopping"}
        }
      }
    },
    "/metrics": {
      "get": {
        "operationId": "metrics",
        "summary": "Counters for Prometheus",
        "responses": {
          "200": {
            "description": "Prometheus text format",
            "content": {"text/plain": {"schema": {"type": "string"}}}
          }
        }
      }
    },
    "/openapi.json": {
      "get": {
        "operationId": "openapi",
        "summary": "This document",
        "responses": {
          "200": {
            "description": "OpenAPI 3.1",
            "content": {"application/json": {"schema": {"type": "object"}}}
          }
        }
      }
    }
  }
})json";

Json reference(const std::string& name) {
  return {{"$ref", "#/components/schemas/" + name}};
}

Json json_content(const std::string& schema) {
  return {{"application/json", {{"schema", reference(schema)}}}};
}

Json request_body(const std::string& schema) {
  return {{"required", true}, {"content", json_content(schema)}};
}

}  // namespace

std::string openapi_json(const std::string& version) {
  Json document = Json::parse(kInfoAndPaths);
  document["info"]["version"] = version;
  Json schemas = Json::parse(kRequestSchemas);
  schemas.update(Json::parse(kReplySchemas));
  document["components"] = {
      {"securitySchemes", {{"key", {{"type", "http"}, {"scheme", "bearer"}}}}},
      {"requestBodies",
       {{"Chat", request_body("ChatRequest")},
        {"Completion", request_body("CompletionRequest")},
        {"Tokenize", request_body("TokenizeRequest")},
        {"Detokenize", request_body("DetokenizeRequest")}}},
      {"responses",
       {{"Error",
         {{"description", "What went wrong, and in which field"},
          {"content", json_content("Error")}}}}},
      {"schemas", std::move(schemas)}};
  return reply_text(document);
}

}  // namespace stapes::serve
