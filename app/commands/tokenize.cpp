// inglenook tokenize: standard input to token ids on one line, or ids back to text.
#include "app/commands/command.h"
#include "app/commands/common_options.h"
#include "app/commands/output.h"
#include "engine/text/tokenizer.h"

#include <charconv>
#include <nlohmann/json.hpp>

namespace app {

namespace {

/// Ids between white space or commas; a sentence when something else is there.
std::string parseIds(const std::string& input, std::size_t vocabularySize,
                     std::vector<engine::TokenId>& ids) {
    constexpr std::string_view kBetween = " \t\r\n,[]";
    for (std::size_t at = input.find_first_not_of(kBetween); at != std::string::npos;) {
        const std::size_t end = std::min(input.find_first_of(kBetween, at), input.size());
        const std::string word = input.substr(at, end - at);
        engine::TokenId id = 0;
        const auto [last, error] = std::from_chars(word.data(), word.data() + word.size(), id);
        if (error != std::errc() || last != word.data() + word.size() || id < 0 ||
            static_cast<std::size_t>(id) >= vocabularySize)
            return "\"" + word.substr(0, 40) + "\" is no token of this model; ids go from 0 to " +
                   std::to_string(vocabularySize - 1) + ".";
        ids.push_back(id);
        at = input.find_first_not_of(kBetween, end);
    }
    return {};
}

} // namespace

int runTokenize(const std::vector<std::string>& arguments) {
    OptionParser parser("tokenize --model M [--no-bos] [--parse-special] [--decode] [--json]");
    CommonOptions common;
    bool noBos = false;
    bool parseSpecial = false;
    bool decode = false;
    common.addModel(parser);
    parser.flag("no-bos", &noBos, "without the token that begins a text");
    parser.flag("parse-special", &parseSpecial,
                "text like <|im_end|> becomes a special token; with --decode, is shown");
    parser.flag("decode", &decode, "ids to text");
    common.addTo(parser);
    if (!parser.parse(arguments))
        return parser.exitCode();
    const auto path = resolveModel(common);
    if (!path)
        return fail(path.status());
    auto vocabulary = engine::openVocabulary(*path);
    if (!vocabulary)
        return fail(vocabulary.status());
    const auto tokenizer = engine::Tokenizer::create(std::move(*vocabulary));
    if (!tokenizer)
        return fail(tokenizer.status());

    const std::string input = readStandardInput();
    std::vector<engine::TokenId> ids;
    if (decode) {
        const std::size_t size = (*tokenizer)->vocabulary().tokens.size();
        if (const std::string wrong = parseIds(input, size, ids); !wrong.empty()) {
            complain(wrong);
            return kFailed;
        }
        const std::string decoded = (*tokenizer)->decode(ids, parseSpecial);
        if (common.json)
            printJson({{"text", decoded}, {"tokens", ids.size()}});
        else
            print(decoded);
        return kDone;
    }
    ids = (*tokenizer)->encode(input, {.addBos = !noBos, .parseSpecial = parseSpecial});
    if (common.json) {
        printJson({{"ids", ids}});
        return kDone;
    }
    std::string line;
    for (const engine::TokenId id : ids)
        line += (line.empty() ? "" : " ") + std::to_string(id);
    print(line + "\n");
    return kDone;
}

} // namespace app
