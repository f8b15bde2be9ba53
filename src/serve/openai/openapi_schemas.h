// JSON Schemas of what is read and written, by name: the components of the OpenAPI document. A test
// holds them to the fields that are really read.
#pragma once

namespace stapes::serve {

extern const char* const kRequestSchemas;
extern const char* const kReplySchemas;

}  // namespace stapes::serve
