// libFuzzer: tokenizer.json, its two configurations, then the tokenizer they make.
//
// The input is cut at NUL bytes into the three files and a text to encode. Whatever was read must
// either be refused with a sentence or encode and decode without a sanitizer's complaint.

#include "engine/text/tokenizer.h"
#include "engine/text/tokenizer_json.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    std::array<std::string_view, 4> parts{};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::size_t end = i + 1 < parts.size() ? rest.find('\0') : rest.size();
        parts[i] = rest.substr(0, end);
        rest = end < rest.size() ? rest.substr(end + 1) : std::string_view();
    }
    auto vocabulary = engine::vocabularyFromTokenizerJson(parts[0], parts[1], parts[2]);
    if (!vocabulary)
        vocabulary = engine::vocabularyFromBpeFiles(parts[0], parts[3], parts[1]);
    if (!vocabulary) {
        (void)vocabulary.status().sentence();
        return 0;
    }
    const auto tokenizer = engine::Tokenizer::create(std::move(*vocabulary));
    if (!tokenizer) {
        (void)tokenizer.status().sentence();
        return 0;
    }
    const std::vector<engine::TokenId> ids =
        (*tokenizer)->encode(parts[3], {.addBos = true, .parseSpecial = true});
    (void)(*tokenizer)->decode(ids, true);
    return 0;
}
