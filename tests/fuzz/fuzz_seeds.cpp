// fuzz_seeds DIR: one small valid file for each model reader.
#include "tests/engine/model/model_files.h"

#include <filesystem>

int main(int argc, char** argv) {
    if (argc != 2)
        return 2;
    const std::string folder = argv[1];
    for (const char* reader : {"gguf", "safetensors", "config_json"})
        std::filesystem::create_directories(folder + "/" + reader);
    tests::writeFile(folder + "/gguf/tiny", tests::tinyLlama().bytes());
    tests::writeFile(folder + "/safetensors/tiny", tests::tinySafetensors());
    tests::writeFile(folder + "/config_json/tiny", tests::tinyConfig());
    return 0;
}
