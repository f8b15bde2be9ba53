# stapes_embed_assets(TARGET FOLDER POLICY_FILE): puts the files below FOLDER into TARGET, byte for byte.
# The assembler reads them (.incbin); the table that it writes is declared in serve/assets.h.
function(stapes_embed_assets target folder policy_file)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${folder}/*)
  set(data "")
  set(symbols "")
  set(entries "")
  set(index 0)
  foreach(file ${files} ${policy_file})
    set(name stapes_asset_${index})
    string(APPEND data "    \".balign 16\\n${name}:\\n.incbin \\\"${file}\\\"\\n${name}_end:\\n.byte 0\\n\"\n")
    string(APPEND symbols "extern const char ${name}[] __attribute__((visibility(\"hidden\")));\n"
                          "extern const char ${name}_end[] __attribute__((visibility(\"hidden\")));\n")
    if(NOT file STREQUAL policy_file)
      file(RELATIVE_PATH path ${folder} ${file})
      string(APPEND entries "      Asset{\"${path}\", bytes_of(${name}, ${name}_end)},\n")
    endif()
    math(EXPR index "${index} + 1")
  endforeach()
  math(EXPR policy "${index} - 1")
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${target}_assets.cc)
  file(GENERATE OUTPUT ${source} CONTENT "// Written by cmake/EmbedAssets.cmake.
#include \"serve/assets.h\"

#include <array>
#include <cstddef>

asm(\".section .rodata\\n\"
${data}    \".text\\n\");

extern \"C\" {
${symbols}}

namespace stapes::serve {
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

std::string_view page_security_policy() {
  std::string_view policy = bytes_of(stapes_asset_${policy}, stapes_asset_${policy}_end);
  while (policy.ends_with('\\n')) policy.remove_suffix(1);
  return policy;
}

}  // namespace stapes::serve
")
  target_sources(${target} PRIVATE ${source})
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${files};${policy_file}")
endfunction()
