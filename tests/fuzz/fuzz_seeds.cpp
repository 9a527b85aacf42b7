// fuzz_seeds DIR: one small valid file for each model reader, and some requests for the API.
#include "tests/engine/model/model_files.h"

#include <filesystem>

int main(int argc, char** argv) {
    if (argc != 2)
        return 2;
    const std::string folder = argv[1];
    for (const char* reader : {"gguf", "safetensors", "config_json", "http"})
        std::filesystem::create_directories(folder + "/" + reader);
    tests::writeFile(folder + "/gguf/tiny", tests::tinyLlama().bytes());
    tests::writeFile(folder + "/safetensors/tiny", tests::tinySafetensors());
    tests::writeFile(folder + "/config_json/tiny", tests::tinyConfig());
    tests::writeFile(folder + "/http/length", "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
                                              "Content-Length: 2\r\n\r\n{}");
    tests::writeFile(folder + "/http/chunks", "POST / HTTP/1.1\r\nHost: a\r\n"
                                              "Transfer-Encoding: chunked\r\n\r\n"
                                              "2;x=y\r\n{}\r\n0\r\nA: b\r\n\r\n");
    tests::writeFile(folder + "/http/chat",
                     R"({"model":"m","messages":[{"role":"user","content":[{"type":"text",)"
                     R"("text":"a"}]}],"stream":true,"stream_options":{"include_usage":true},)"
                     R"("n":2,"stop":["x"],"logit_bias":{"1":-100},"logprobs":true,"seed":-1})");
    tests::writeFile(folder + "/http/text", R"({"prompt":["a","b"],"echo":true,"max_tokens":5})");
    return 0;
}
