// Encode speed of a vocabulary over text files, in MB of text per second of one core's time.
//
//     bench_tokenizer VOCABULARY.gguf TEXT...
//
// Processor time of this thread is counted, so that a busy machine does not blur the figure. The
// text is encoded once as a whole and once in messages of 2,000 bytes.

#include "engine/model/opened_model.h"
#include "engine/text/tokenizer.h"

#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>

namespace {

double threadSeconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void measure(const char* what, const engine::Tokenizer& tokenizer, std::string_view text,
             std::size_t messageBytes) {
    const double begin = threadSeconds();
    double seconds = 0;
    double encoded = 0;
    std::size_t tokens = 0;
    for (int round = 0; round == 0 || seconds < 0.5; ++round) {
        for (std::size_t at = 0; at < text.size(); at += messageBytes)
            tokens += tokenizer.encode(text.substr(at, messageBytes)).size();
        encoded += static_cast<double>(text.size());
        seconds = threadSeconds() - begin;
    }
    std::printf("%s: %.1f MB/s, %.2f bytes a token\n", what, encoded / seconds * 1e-6,
                encoded / static_cast<double>(tokens));
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: bench_tokenizer VOCABULARY.gguf TEXT...\n");
        return 2;
    }
    std::string text;
    for (int i = 2; i < argc; ++i) {
        std::ifstream file(argv[i], std::ios::binary);
        text.append(std::istreambuf_iterator<char>(file), {});
    }
    const double begin = threadSeconds();
    auto vocabulary = engine::openVocabulary(argv[1]);
    if (!vocabulary) {
        std::fprintf(stderr, "%s\n", vocabulary.status().sentence().c_str());
        return 1;
    }
    const auto tokenizer = engine::Tokenizer::create(std::move(*vocabulary));
    if (!tokenizer) {
        std::fprintf(stderr, "%s\n", tokenizer.status().sentence().c_str());
        return 1;
    }
    std::printf("read and built in %.0f ms; %.2f MB of text\n", (threadSeconds() - begin) * 1e3,
                static_cast<double>(text.size()) * 1e-6);
    measure("whole text", **tokenizer, text, text.size());
    measure("messages", **tokenizer, text, 2000);
    return 0;
}
