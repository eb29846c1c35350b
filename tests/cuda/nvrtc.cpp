// NVRTC for machines without a GPU: kernels are compiled for the host, by its C++ compiler, with emulator.h before them.
// What it gives as machine code is a library that driver.cpp loads.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <regex>
#include <string>

#define API extern "C" __attribute__((visibility("default"))) int

namespace {

constexpr int OK = 0, INVALID = 3, COMPILATION = 6;

struct Program {
    std::string source, log, binary;
};

} // namespace

// No version of NVIDIA's, and another for another emulator: what was compiled for one is of no use to the others.
API nvrtcVersion(int *major, int *minor) { *major = 0; *minor = ECGRAFT_EMULATOR_SUM % 1000000; return OK; }
API nvrtcCreateProgram(void **program, const char *source, const char *, int, const char **, const char **) {
    *program = new Program{source, "", ""};
    return OK;
}
API nvrtcDestroyProgram(void **program) { delete static_cast<Program *>(*program); return OK; }
API nvrtcCompileProgram(void *handle, int, const char **) {
    auto program = static_cast<Program *>(handle);
    char place[] = "/tmp/ecgraft-emulated-XXXXXX";
    if (!mkdtemp(place)) return INVALID;
    std::string base = std::string(place) + "/kernel", source = "#include \"emulator.h\"\n" + program->source + "\n";
    std::regex kernel("\nKERNEL +(\\w+)\\(");
    std::string clean = std::regex_replace(program->source, std::regex("__launch_bounds__\\([^)]*\\) *"), "");
    for (std::sregex_iterator match(clean.begin(), clean.end(), kernel), end; match != end; ++match) {
        std::string name = (*match)[1];
        source += "static void call_" + name + "(void **args) { emulated::call(" + name + ", args); }\n" +
                  "extern \"C\" void launch_" + name +
                  "(const unsigned *grid, const unsigned *block, size_t shared, void **args) { emulated::launch(grid, block, shared, call_" +
                  name + ", args); }\n";
    }
    FILE *file = std::fopen((base + ".cpp").c_str(), "w");
    std::fwrite(source.data(), 1, source.size(), file);
    std::fclose(file);
    const char *compiler = std::getenv("CXX");
    std::string command = std::string(compiler ? compiler : "c++") +
                          " -std=c++17 -O2 -w -shared -fPIC -ffp-contract=off -fno-strict-aliasing -I '" + ECGRAFT_EMULATOR + "' -o " +
                          base + ".so " + base + ".cpp 2> " + base + ".log";
    int status = std::system(command.c_str());
    for (auto [name, to] : {std::pair{base + ".log", &program->log}, std::pair{base + ".so", &program->binary}}) {
        if (FILE *read = std::fopen(name.c_str(), "r")) {
            char piece[4096];
            size_t got;
            while ((got = std::fread(piece, 1, sizeof piece, read)) > 0) to->append(piece, got);
            std::fclose(read);
        }
    }
    std::system((std::string("rm -r ") + place).c_str());
    return status == 0 ? OK : COMPILATION;
}
API nvrtcGetProgramLogSize(void *program, size_t *size) { *size = static_cast<Program *>(program)->log.size() + 1; return OK; }
API nvrtcGetProgramLog(void *program, char *log) { std::strcpy(log, static_cast<Program *>(program)->log.c_str()); return OK; }
API nvrtcGetCUBINSize(void *program, size_t *size) { *size = static_cast<Program *>(program)->binary.size(); return OK; }
API nvrtcGetCUBIN(void *handle, char *binary) {
    auto program = static_cast<Program *>(handle);
    std::memcpy(binary, program->binary.data(), program->binary.size());
    return OK;
}
API nvrtcGetErrorString(int) { return 0; }
