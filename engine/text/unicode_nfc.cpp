// Canonical composition after Unicode Standard Annex 15; Hangul by arithmetic, the rest by table.

#include "engine/text/unicode.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <vector>

namespace engine {

namespace {

#include "engine/text/unicode_nfc_table.inc"

constexpr std::uint32_t kDoesNotCompose = 1U << 21;
constexpr char32_t kHangul = 0xAC00, kHangulEnd = 0xAC00 + 11172;
constexpr char32_t kLead = 0x1100, kVowel = 0x1161, kTrail = 0x11A7;
constexpr char32_t kLeads = 19, kVowels = 21, kTrails = 28;

struct Decomposition {
    char32_t character = 0;
    char32_t first = 0;
    char32_t second = 0; // 0: singleton
    bool composes = false;
};

Decomposition decompositionAt(std::size_t index) {
    const std::uint32_t* entry = kDecompositions + index * 3;
    return {entry[0], entry[1] & ~kDoesNotCompose, entry[2], (entry[1] & kDoesNotCompose) == 0};
}

/// First index of [0, count) for which before(index) is false.
template<typename Before>
std::size_t lowerBound(std::size_t count, const Before& before) {
    std::size_t low = 0;
    while (count > 0) {
        const std::size_t half = count / 2;
        if (before(low + half)) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

bool findDecomposition(char32_t character, Decomposition& found) {
    constexpr std::size_t count = std::size(kDecompositions) / 3;
    const std::size_t at =
        lowerBound(count, [&](std::size_t i) { return kDecompositions[i * 3] < character; });
    if (at == count || kDecompositions[at * 3] != character)
        return false;
    found = decompositionAt(at);
    return true;
}

/// 0 when the pair does not compose.
char32_t composed(char32_t first, char32_t second) {
    if (first >= kLead && first < kLead + kLeads && second >= kVowel && second < kVowel + kVowels)
        return kHangul + ((first - kLead) * kVowels + (second - kVowel)) * kTrails;
    if (first >= kHangul && first < kHangulEnd && (first - kHangul) % kTrails == 0 &&
        second > kTrail && second < kTrail + kTrails)
        return first + (second - kTrail);
    constexpr std::size_t count = std::size(kCompositions);
    const std::size_t at = lowerBound(count, [&](std::size_t i) {
        const Decomposition pair = decompositionAt(kCompositions[i]);
        return pair.first != first ? pair.first < first : pair.second < second;
    });
    if (at == count)
        return 0;
    const Decomposition pair = decompositionAt(kCompositions[at]);
    return pair.first == first && pair.second == second ? pair.character : 0;
}

unsigned combiningClass(char32_t character) {
    constexpr std::size_t count = std::size(kCombining) / 3;
    const std::size_t after =
        lowerBound(count, [&](std::size_t i) { return kCombining[i * 3] <= character; });
    if (after == 0)
        return 0;
    const std::uint32_t* range = kCombining + (after - 1) * 3;
    return character - range[0] < range[1] ? range[2] : 0;
}

/// Can the character change, or change what stands before it?
bool isStable(char32_t character) {
    if (character < 0x300 || (character >= 0x3400 && character < 0xA000))
        return true; // Latin-1, Latin Extended-A and B, IPA; Han
    if (character >= kHangul && character < kHangulEnd)
        return true;
    if (character >= kVowel && character < kTrail + kTrails)
        return false;
    if (combiningClass(character) != 0)
        return false;
    Decomposition found;
    if (findDecomposition(character, found) && !found.composes)
        return false;
    return !std::binary_search(std::begin(kJoining), std::end(kJoining), character);
}

void appendDecomposed(std::vector<char32_t>& out, char32_t character) {
    if (character >= kHangul && character < kHangulEnd) {
        const char32_t index = character - kHangul;
        out.push_back(kLead + index / (kVowels * kTrails));
        out.push_back(kVowel + index % (kVowels * kTrails) / kTrails);
        if (index % kTrails != 0)
            out.push_back(kTrail + index % kTrails);
        return;
    }
    std::array<char32_t, 8> seconds{}; // the longest chain in Unicode has three links
    std::size_t count = 0;
    Decomposition found;
    while (count < seconds.size() && findDecomposition(character, found)) {
        character = found.first;
        if (found.second != 0)
            seconds[count++] = found.second;
    }
    out.push_back(character);
    while (count > 0)
        out.push_back(seconds[--count]);
}

void orderMarks(std::vector<char32_t>& text) {
    for (auto at = text.begin(); at != text.end();) {
        if (combiningClass(*at) == 0) {
            ++at;
            continue;
        }
        const auto end =
            std::find_if(at, text.end(), [](char32_t c) { return combiningClass(c) == 0; });
        std::stable_sort(
            at, end, [](char32_t a, char32_t b) { return combiningClass(a) < combiningClass(b); });
        at = end;
    }
}

void composeMarks(std::vector<char32_t>& text) {
    constexpr std::size_t kNone = ~std::size_t(0);
    std::size_t starter = kNone;
    std::size_t kept = 0;
    unsigned previous = 0; // class of the last kept character after the starter
    for (const char32_t character : text) {
        const unsigned here = combiningClass(character);
        const bool adjacent = starter != kNone && kept == starter + 1;
        const bool blocked = !adjacent && previous >= here;
        const char32_t joined =
            starter == kNone || blocked ? 0 : composed(text[starter], character);
        if (joined != 0) {
            text[starter] = joined;
            continue;
        }
        if (here == 0)
            starter = kept;
        previous = here;
        text[kept++] = character;
    }
    text.resize(kept);
}

} // namespace

bool composeNfc(std::string_view text, std::string& out) {
    bool stable = true;
    for (std::size_t at = 0; at < text.size() && stable;) {
        char32_t character = 0;
        const std::size_t length = utf8Decode(text, at, character);
        stable = length == 0 || isStable(character);
        at += length > 0 ? length : 1;
    }
    if (stable)
        return false;

    out.clear();
    std::vector<char32_t> characters;
    const auto flush = [&] {
        orderMarks(characters);
        composeMarks(characters);
        for (const char32_t character : characters)
            utf8Append(out, character);
        characters.clear();
    };
    for (std::size_t at = 0; at < text.size();) {
        char32_t character = 0;
        const std::size_t length = utf8Decode(text, at, character);
        if (length == 0) {
            flush();
            out += text[at++];
            continue;
        }
        appendDecomposed(characters, character);
        at += length;
    }
    flush();
    return true;
}

} // namespace engine
