// Errors as replies, in OpenAI's shape; the log gets the words of those that are our fault.
#pragma once

#include <string>

#include "serve/http/message.h"

namespace stapes::serve {

// type and code follow from the status. 429 and 503 say when to try again.
HttpReply error_reply(int status, const std::string& sentence, const std::string& code = "");
// Of the exception that is being handled. request_id stands in the log beside what went wrong.
HttpReply error_reply_of_current_exception(const std::string& request_id = "");

}  // namespace stapes::serve
