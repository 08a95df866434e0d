# How every part of Saker is compiled. A module is a folder of src/: its *.cpp become the static library
# saker_<name>, its *_test.cpp the test program <name>_test. Nothing is listed by hand.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library(saker_options INTERFACE)
# No contraction behind our back: a fused multiply-add appears where a kernel asks for it, so that results do
# not change with the compiler.
target_compile_options(saker_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wnon-virtual-dtor
                       -ffp-contract=off $<$<BOOL:${SAKER_WARNINGS_AS_ERRORS}>:-Werror>>)
# nvcc cannot evaluate fmt's checks of format strings.
target_compile_options(saker_options INTERFACE $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall -Xcompiler=-Wextra
                       -DFMT_USE_CONSTEXPR=1 -DFMT_CONSTEVAL= $<$<BOOL:${SAKER_WARNINGS_AS_ERRORS}>:-Werror=all-warnings>>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overlapping copies in assignments of literals to strings, where there are none (GCC bug 105651).
  target_compile_options(saker_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(SAKER_SANITIZE)
  # Instrumented code hides from GCC 12 what is initialised (std::optional), so that it warns of what is not so.
  target_compile_options(saker_options INTERFACE -fsanitize=${SAKER_SANITIZE} -fno-omit-frame-pointer
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(saker_options INTERFACE -fsanitize=${SAKER_SANITIZE})
  if(SAKER_SANITIZE MATCHES undefined)
    target_compile_options(saker_options INTERFACE -fno-sanitize-recover=undefined)
  endif()
endif()

# One level of instructions per generation is enough; each costs a compilation of every kernel. Kernels keep arrays of
# vectors, which the vectors of SVE, of unknown length, cannot be in: ARM computes with NEON. (scripts/check-neon, too)
set(SAKER_UNUSED_INSTRUCTION_SETS "HWY_SSSE3|HWY_SSE4|HWY_AVX3_DL|HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128")
add_compile_definitions("HWY_DISABLED_TARGETS=(${SAKER_UNUSED_INSTRUCTION_SETS})")

if(SAKER_FUZZ)
  target_compile_options(saker_options INTERFACE -fsanitize=fuzzer-no-link)  # coverage guides the fuzzers
endif()

# src/<module>/<name>_fuzz.cpp: with SAKER_FUZZ the libFuzzer program <name>_fuzz, else <name>_replay, which runs the
# inputs of tests/fuzz/<name> as a test under whatever sanitizers are on.
function(saker_fuzzers module libraries)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${module}/*_fuzz.cpp)
  foreach(source IN LISTS sources)
    get_filename_component(target ${source} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" name ${target})
    if(SAKER_FUZZ)
      add_executable(${target} ${source})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    elseif(SAKER_BUILD_TESTS)
      set(target ${name}_replay)
      add_executable(${target} ${source} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.cpp)
      add_test(NAME ${target} COMMAND ${target} ${CMAKE_SOURCE_DIR}/tests/fuzz/${name})
      set_tests_properties(${target} PROPERTIES LABELS fuzz)
    else()
      continue()
    endif()
    target_link_libraries(${target} PRIVATE saker_${module} saker_options ${libraries})
  endforeach()
endfunction()

# Code for NVIDIA GPUs: *.cu, or where it is not built the *_no_cuda.cpp and no_cuda.cpp in its place.
option(SAKER_CUDA "Build the CUDA backend where nvcc is found" OFF)
set(SAKER_CUDA_ARCHITECTURES "80;90a" CACHE STRING "Compute capabilities to build for")
set(SAKER_HAS_CUDA OFF)
if(SAKER_CUDA)
  find_program(SAKER_NVCC nvcc HINTS ENV CUDACXX PATHS /usr/local/cuda/bin /opt/cuda/bin)
  if(SAKER_NVCC)
    set(CMAKE_CUDA_COMPILER ${SAKER_NVCC})
    set(CMAKE_CUDA_ARCHITECTURES ${SAKER_CUDA_ARCHITECTURES})
    enable_language(CUDA)
    # CMake 3.25 does not know that nvcc has C++20.
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
    find_package(CUDAToolkit REQUIRED)
    set(SAKER_HAS_CUDA ON)
  else()
    message(WARNING "SAKER_CUDA: no nvcc found; this build goes on without CUDA")
  endif()
endif()

function(saker_module name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  file(GLOB_RECURSE cuda_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cu)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  if(NOT sources)
    return()
  endif()
  if(SAKER_HAS_CUDA)
    list(FILTER sources EXCLUDE REGEX "no_cuda\\.cpp$")
  else()
    set(cuda_sources)
  endif()
  add_library(saker_${name} STATIC ${sources} ${cuda_sources})
  if(cuda_sources)
    target_link_libraries(saker_${name} PUBLIC CUDA::cudart_static CUDA::cublasLt)
  endif()
  target_include_directories(saker_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
  set(internal ${ARG_DEPENDS})
  list(TRANSFORM internal PREPEND saker_)
  set(present)
  foreach(module IN LISTS internal)
    if(TARGET ${module})
      list(APPEND present ${module})
    endif()
  endforeach()
  target_link_libraries(saker_${name} PUBLIC ${present} PRIVATE saker_options ${ARG_LIBRARIES})
  set_property(GLOBAL APPEND PROPERTY SAKER_MODULES ${name})

  if(SAKER_BUILD_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE saker_${name} saker_options ${ARG_LIBRARIES} GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE SAKER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME ${name} COMMAND ${name}_test --gtest_brief=1 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES LABELS unit)
  endif()

  saker_fuzzers(${name} "${ARG_LIBRARIES}")
endfunction()

function(saker_all_modules out)
  get_property(modules GLOBAL PROPERTY SAKER_MODULES)
  list(TRANSFORM modules PREPEND saker_)
  set(${out} ${modules} PARENT_SCOPE)
endfunction()

# What `git describe` says of the source when it is configured; "unknown" outside a clone.
function(saker_commit out)
  execute_process(COMMAND git describe --always --dirty --tags WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    set(commit unknown)
  endif()
  set(${out} ${commit} PARENT_SCOPE)
endfunction()

# The one binary, build/<preset>/saker.
function(saker_program folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cpp)
  if(NOT sources)
    return()
  endif()
  saker_all_modules(modules)
  add_executable(saker_binary ${sources})
  set_target_properties(saker_binary PROPERTIES OUTPUT_NAME saker RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  target_link_libraries(saker_binary PRIVATE ${modules} saker_options CLI11::CLI11 fmt::fmt spdlog::spdlog_header_only
                        nlohmann_json::nlohmann_json hwy::hwy edit::edit)
  target_include_directories(saker_binary PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(saker_binary PRIVATE SAKER_VERSION="${PROJECT_VERSION}")
  saker_commit(commit)
  set_source_files_properties(${CMAKE_SOURCE_DIR}/${folder}/machine.cpp PROPERTIES COMPILE_DEFINITIONS SAKER_COMMIT="${commit}")
endfunction()

# tests/<level>/*_test.cpp: what needs more than one module. One program per level: golden, invariant, system, gpu.
function(saker_tests)
  if(NOT SAKER_BUILD_TESTS)
    return()
  endif()
  saker_all_modules(modules)
  foreach(level golden invariant system gpu)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${level}/*.cpp)
    if(level STREQUAL gpu)
      list(APPEND sources ${CMAKE_SOURCE_DIR}/src/ops/op_testing_test.cpp)  # how cases are checked
      if(SAKER_HAS_CUDA)
        list(APPEND sources ${CMAKE_SOURCE_DIR}/src/train/trainer_test.cpp)  # on the GPU with SAKER_BACKEND=cuda
      endif()
    endif()
    if(sources)
      add_executable(${level}_test ${sources})
      target_include_directories(${level}_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)
      target_link_libraries(${level}_test PRIVATE ${modules} saker_options fmt::fmt nlohmann_json::nlohmann_json hwy::hwy GTest::gtest_main)
      target_compile_definitions(${level}_test PRIVATE SAKER_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SAKER_BINARY_DIR="${CMAKE_BINARY_DIR}")
      if(level STREQUAL system AND TARGET saker_binary)
        add_dependencies(system_test saker_binary)
      endif()
      add_test(NAME ${level} COMMAND ${level}_test --gtest_brief=1 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
      set_tests_properties(${level} PROPERTIES LABELS ${level})
    endif()
  endforeach()
endfunction()

# tests/gpu_stand_in: training as on a GPU, with a stand-in for it that shows what the host does wrong. It takes the place
# of the objects that stand in for CUDA in this build.
function(saker_gpu_stand_in)
  if(NOT SAKER_BUILD_TESTS OR SAKER_HAS_CUDA)
    return()
  endif()
  saker_all_modules(modules)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/gpu_stand_in/*.cpp)
  add_executable(gpu_stand_in_test ${sources} ${CMAKE_SOURCE_DIR}/tests/gpu/training_test.cpp
                 ${CMAKE_SOURCE_DIR}/src/train/trainer_test.cpp)
  target_include_directories(gpu_stand_in_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(gpu_stand_in_test PRIVATE ${modules} saker_options fmt::fmt nlohmann_json::nlohmann_json GTest::gtest_main)
  add_test(NAME gpu_stand_in COMMAND gpu_stand_in_test --gtest_brief=1 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(gpu_stand_in PROPERTIES LABELS gpu ENVIRONMENT SAKER_BACKEND=cuda)
endfunction()

# tests/conformance: the program behind scripts/conformance. As a test it runs on the data beside the project, once per
# backend, where that data is there.
function(saker_conformance)
  if(NOT SAKER_BUILD_TESTS)
    return()
  endif()
  saker_all_modules(modules)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/conformance/*.cpp)
  add_executable(saker_conformance ${sources})
  target_include_directories(saker_conformance PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(saker_conformance PRIVATE ${modules} saker_options fmt::fmt CLI11::CLI11 nlohmann_json::nlohmann_json)
  target_compile_definitions(saker_conformance PRIVATE SAKER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  set(shared ${CMAKE_SOURCE_DIR}/../shared)
  foreach(backend reference cpu)
    set(data)
    if(EXISTS ${shared}/golden)
      set(data --golden ${shared}/golden)
      if(backend STREQUAL cpu)
        list(APPEND data --tokenizers ${shared}/tokenizer)
      endif()
    endif()
    add_test(NAME conformance_${backend} COMMAND saker_conformance ${data})
    set_tests_properties(conformance_${backend} PROPERTIES LABELS golden ENVIRONMENT SAKER_BACKEND=${backend})
  endforeach()
endfunction()

# Beside the HF libraries and numpy, where Python can import them (scripts/oracles installs them), else skipped: the
# tokenizer on texts drawn afresh, chat templates drawn afresh, folders that one side writes and the other reads, and the
# baseline beside its definition.
function(saker_differential)
  set(oracles ${CMAKE_SOURCE_DIR}/local/oracles/bin/python)
  if(EXISTS ${oracles})
    set(Python3_EXECUTABLE ${oracles})
  endif()
  find_package(Python3 COMPONENTS Interpreter)
  if(NOT SAKER_BUILD_TESTS OR NOT Python3_FOUND OR NOT TARGET saker_binary)
    return()
  endif()
  add_test(NAME tokenizer_differential COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/tokenizer_differential
           --saker $<TARGET_FILE:saker_binary> --count 1000 --variants 8)
  add_test(NAME checkpoint_differential COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/checkpoint_differential
           --saker $<TARGET_FILE:saker_binary>)
  add_test(NAME ngram_baseline COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/ngram_baseline --self-test)
  add_test(NAME chat_template_differential COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/chat_template_differential
           --saker $<TARGET_FILE:saker_binary> --seed 1)
  set_tests_properties(tokenizer_differential checkpoint_differential chat_template_differential ngram_baseline
                       PROPERTIES LABELS system SKIP_RETURN_CODE 77)
endfunction()

# The binary, the shared library with its public headers, and a CMake package: find_package(saker), saker::saker.
function(saker_install)
  include(GNUInstallDirs)
  include(CMakePackageConfigHelpers)
  add_library(saker SHARED $<TARGET_OBJECTS:saker_api>)
  set_target_properties(saker PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_include_directories(saker INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(saker INTERFACE cxx_std_20)
  saker_all_modules(modules)
  list(REMOVE_ITEM modules saker_api)
  target_link_libraries(saker PRIVATE ${modules} saker_options)
  # Only what the public headers mark is exported, not what is inside the static libraries of others.
  target_link_options(saker PRIVATE -Wl,--exclude-libs,ALL -Wl,--no-undefined)

  install(TARGETS saker EXPORT saker LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(TARGETS saker_binary RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/saker DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  set(package ${CMAKE_INSTALL_LIBDIR}/cmake/saker)
  install(EXPORT saker NAMESPACE saker:: FILE saker-config.cmake DESTINATION ${package})
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/saker-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/saker-config-version.cmake DESTINATION ${package})
endfunction()
