# stapes_embed_assets(NAME FOLDER [POLICY_FILE]): puts the files below FOLDER into the library stapes_NAME, byte for
# byte. The assembler reads them (.incbin); the table that it writes is declared in NAME/assets.h as page_assets(), and
# the text of POLICY_FILE as page_security_policy().
function(stapes_embed_assets name folder)
  set(target stapes_${name})
  set(policy_file ${ARGN})
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${folder}/*)
  set(data "")
  set(symbols "")
  set(entries "")
  set(index 0)
  foreach(file ${files} ${policy_file})
    set(symbol ${target}_asset_${index})
    string(APPEND data "    \".balign 16\\n${symbol}:\\n.incbin \\\"${file}\\\"\\n${symbol}_end:\\n.byte 0\\n\"\n")
    string(APPEND symbols "extern const char ${symbol}[] __attribute__((visibility(\"hidden\")));\n"
                          "extern const char ${symbol}_end[] __attribute__((visibility(\"hidden\")));\n")
    if(NOT file STREQUAL "${policy_file}")
      file(RELATIVE_PATH path ${folder} ${file})
      string(APPEND entries "      Asset{\"${path}\", bytes_of(${symbol}, ${symbol}_end)},\n")
    endif()
    math(EXPR index "${index} + 1")
  endforeach()
  set(policy_function "")
  if(policy_file)
    set(policy_function "
std::string_view page_security_policy() {
  std::string_view policy = bytes_of(${symbol}, ${symbol}_end);
  while (policy.ends_with('\\n')) policy.remove_suffix(1);
  return policy;
}
")
  endif()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${target}_assets.cc)
  file(GENERATE OUTPUT ${source} CONTENT "// Written by cmake/EmbedAssets.cmake.
#include \"${name}/assets.h\"

#include <array>
#include <cstddef>

asm(\".section .rodata\\n\"
${data}    \".text\\n\");

extern \"C\" {
${symbols}}

namespace stapes::${name} {
namespace {

std::string_view bytes_of(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

std::span<const Asset> page_assets() {
  static const auto assets = std::to_array<Asset>({
${entries}  });
  return assets;
}
${policy_function}
}  // namespace stapes::${name}
")
  target_sources(${target} PRIVATE ${source})
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${files};${policy_file}")
endfunction()
