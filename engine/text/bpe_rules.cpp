#include "engine/text/bpe.h"

#include <string>

namespace engine {

namespace {

constexpr int kMostSpaces = 64; // cuts tried in a merge whose parts hold spaces themselves

/// Where "left right" is cut: at the space that has a token on either side.
std::size_t cutOf(std::string_view merge, const TextIndex& all) {
    std::size_t space = merge.find(' ');
    const std::size_t first = space;
    for (int tries = 0; space != std::string_view::npos && tries < kMostSpaces; ++tries) {
        if (all.contains(merge.substr(0, space)) && all.contains(merge.substr(space + 1)))
            return space;
        space = merge.find(' ', space + 1);
    }
    return first;
}

Status inconsistentMerge(std::size_t index, std::string_view merge, std::string_view what) {
    return Status(Code::TokenizerInconsistent,
                  {{"detail", "merge " + std::to_string(index) + " (" +
                                  std::string(merge.substr(0, 80)) + ") " + std::string(what)}});
}

} // namespace

Result<BpeRules> rulesFromMerges(const Vocabulary& vocabulary, const TextIndex& mergeable,
                                 const TextIndex& all) {
    BpeRules rules(vocabulary.merges.size());
    std::string joined;
    for (std::size_t i = 0; i < vocabulary.merges.size(); ++i) {
        const std::string_view merge = vocabulary.merges[i];
        const std::size_t cut = cutOf(merge, all);
        if (cut == std::string_view::npos || cut == 0 || cut + 1 == merge.size())
            return inconsistentMerge(i, merge, "is not two tokens with a space between");
        const std::string_view left = merge.substr(0, cut);
        const std::string_view right = merge.substr(cut + 1);
        joined.assign(left).append(right);
        for (const std::string_view part : {left, right, std::string_view(joined)})
            if (!all.contains(part))
                return inconsistentMerge(i, merge,
                                         "needs the token " + std::string(part.substr(0, 40)) +
                                             ", which is absent");
        const auto leftToken = mergeable.find(left);
        const auto rightToken = mergeable.find(right);
        const auto result = mergeable.find(joined);
        if (leftToken == mergeable.end() || rightToken == mergeable.end() ||
            result == mergeable.end())
            continue;
        rules.insert(leftToken->second, rightToken->second,
                     {static_cast<std::uint32_t>(i), result->second});
    }
    return rules;
}

} // namespace engine
