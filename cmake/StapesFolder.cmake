# stapes_folder(NAME [LINKS ...] [TESTS_ALONE SUITE ...]): one library target per folder of src/.
# The link list is the rule of the ladder in docs/architecture.md: what is not named there cannot be used.
# Sources are all *.cc below the folder; *_test.cc become the test program NAME_test.
function(stapes_compile_options target)
  # -Wrestrict: g++ 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105651).
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion -Werror -Wno-restrict)
  if(STAPES_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ warns in Asio that the thread sanitizer does not see fences; what they order is locked, too.
    target_compile_options(${target} PRIVATE -Wno-tsan)
  endif()
  if(STAPES_SANITIZE)
    # Instrumented code makes g++ see uninitialized members in <regex> and <functional> that are none.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
    target_compile_options(${target} PUBLIC -fsanitize=${STAPES_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${STAPES_SANITIZE})
  endif()
endfunction()

# With STAPES_UNITY: the FILES of one folder of the source tree become one translation unit of TARGET. What a file pays
# for its headers and for the templates in them (five seconds with libtorch, two with JSON or GoogleTest) is paid once
# per folder. Not for folders and kernels where speed is measured: their code is the same in every kind of build.
set(STAPES_FILE_BY_FILE base audio text tensor ops model engine bench)

# stapes_optimize(TARGET LEVEL): of a Release, which is -O3 in CMake. Loops over numbers need that; elsewhere it costs a
# fifth of the time to compile.
set(STAPES_LOOPS_OVER_NUMBERS audio tensor ops model engine bench train)
function(stapes_optimize target level)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:${level}>)
endfunction()

function(stapes_unite target)
  if(NOT STAPES_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # g++ takes an included .cc for a header, in which types of an unnamed namespace would be a mistake.
  target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  foreach(file ${ARGN})
    if(file MATCHES "kernels[^/]*\\.cc$")
      continue()
    endif()
    cmake_path(GET file PARENT_PATH folder)
    cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${CMAKE_SOURCE_DIR}/src)
    string(MAKE_C_IDENTIFIER ${folder} group)
    set_source_files_properties(${file} PROPERTIES UNITY_GROUP ${group})
  endforeach()
endfunction()

# stapes_discover_tests(NAME [SUITE ...]): every test of NAME_test is a test of ctest, in a process of its own. Where
# processes are slow to start, name the suites that need one: all others then run in two processes together, and what a
# process prints says which test failed.
function(stapes_discover_tests name)
  set(alone "")
  if(ARGN)
    list(TRANSFORM ARGN APPEND ".*" OUTPUT_VARIABLE alone)
    list(JOIN alone ":" alone)
    foreach(shard 0 1)
      add_test(NAME ${name}.together.${shard} COMMAND ${name}_test --gtest_filter=-${alone}
               WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
      set_tests_properties(${name}.together.${shard} PROPERTIES TIMEOUT 600 COST 20 ENVIRONMENT
                           "GTEST_TOTAL_SHARDS=2;GTEST_SHARD_INDEX=${shard}")
    endforeach()
  endif()
  set(cost 0)
  if(alone)
    set(cost 5)
  endif()
  gtest_discover_tests(${name}_test TEST_PREFIX ${name}. TEST_FILTER "${alone}" DISCOVERY_MODE PRE_TEST
                       WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTIES TIMEOUT 600 COST ${cost})
endfunction()

function(stapes_folder name)
  cmake_parse_arguments(arg "" "" "LINKS;TESTS_ALONE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(target stapes_${name})
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/include ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC ${arg_LINKS})
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
  stapes_compile_options(${target})
  if(NOT name IN_LIST STAPES_FILE_BY_FILE)
    stapes_unite(${target} ${sources})
  endif()
  if(NOT name IN_LIST STAPES_LOOPS_OVER_NUMBERS)
    stapes_optimize(${target} -O2)
  endif()
  if(STAPES_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${target} GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE STAPES_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    stapes_compile_options(${name}_test)
    stapes_unite(${name}_test ${tests})
    # What is tested is optimized; the tests themselves need not be, and are half of all that is compiled.
    stapes_optimize(${name}_test -O1)
    stapes_discover_tests(${name} ${arg_TESTS_ALONE})
  endif()
endfunction()

# stapes_program(NAME SOURCES FILE ... [LINKS ...]): a program.
function(stapes_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
  stapes_compile_options(${name})
endfunction()
