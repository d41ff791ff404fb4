# Read by llama-cpp-python's own CMakeLists.txt right after its project(). It forces the cache entry ON, and a plain
# variable wins over that: the common library serves llama.cpp's tools only, and is 40 % of the time of the whole build.
set(LLAMA_BUILD_COMMON OFF)
add_compile_options("$<$<COMPILE_LANGUAGE:C,CXX>:SHELL:-include \"${CMAKE_CURRENT_LIST_DIR}/llama_simd.h\">")
