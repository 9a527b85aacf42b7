#include "engine/runtime/activation_choice.h"

#include "engine/device/cpu_sampler.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace engine {

namespace {

constexpr std::uint32_t kMeasuredRows = 16; // of a chunk: the last

/// English first, since a large model sees little more; then other kinds of text.
constexpr std::string_view kText =
    R"(The old lighthouse keeper counted 17 steps, opened the door and said: "It won't rain today, but bring your coat." She was right about the coat.

To measure a thing is to compare it with another. A scale compares weights, a clock compares motions, and a careful reader compares what is written with what was meant. If the comparison is fair, two people who make it will agree within the error of their instruments; if they do not, one of them has learned something.

```python
def mean(values):
    total = 0.0
    for index, value in enumerate(values):
        total += value  # the order matters in floating point
    return total / max(len(values), 1)

print(mean([3.5, -2, 1e6, 0.125]))
```

今天天气很好，我们去公园散步吧。湖边有很多人，有的在钓鱼，有的在唱歌。孩子们问：“这座桥有多少年了？”老人笑着说：“比我爷爷还要老。”

Q: What is 48 * 12, and why is 2^10 close to 1,000?
A: 48 * 12 = 576. Since 2^10 = 1024 and 10^3 = 1000, they differ by 2.4 %. That is why a kilobyte was once taken for either.

1. Heat the oven to 220 degrees.
2. Mix 500 g of flour, 10 g of salt and 350 ml of water; add the yeast last.
3. Wait until the dough has doubled, which takes between one and two hours.

Der Zug nach Basel fährt um 8:45 Uhr von Gleis 3. Le marché ouvre à neuf heures, sauf le lundi. El río baja lento hacia el mar, y nadie tiene prisa.

| planet | radius (km) | moons |
|--------|-------------|-------|
| Mars   | 3,390       | 2     |
| Saturn | 58,232      | 146   |

"Why do you keep the light burning in the day?" asked the boy. "Because somebody may be looking for it from a place where it is still night," said the keeper, and went on counting the steps: fifteen, sixteen, seventeen. From the top they could see the whole bay, the fishing boats, the white line of the surf, and far away, no larger than a grain of rice, a ship that had not been there the evening before.)";

/// One way through the tokens: its own pages, since KV differs.
class Path {
  public:
    Path(Executor& executor, ActivationFormat activations, PageId firstPage, std::uint32_t pages)
        : m_executor(executor), m_activations(activations) {
        for (std::uint32_t i = 0; i < pages; ++i)
            m_table.pages.push_back(firstPage + i);
    }

    Result<BatchResult> run(std::span<const TokenId> tokens) {
        INGLENOOK_TRY(m_executor.setActivations(m_activations));
        Batch batch;
        batch.tables.push_back(m_table);
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            const bool measured = i + kMeasuredRows >= tokens.size();
            batch.rows.push_back(
                {0, kNoSlot, m_position++, tokens[i], measured ? Want::FullLogits : Want::Nothing});
        }
        const Result<Ticket> ticket = m_executor.submit(std::move(batch));
        if (!ticket)
            return ticket.status();
        BatchResult result = m_executor.collect(*ticket);
        if (!result.status.ok())
            return result.status;
        return result;
    }

  private:
    Executor& m_executor;
    ActivationFormat m_activations;
    PageTable m_table;
    std::uint32_t m_position = 0;
};

/// How far the int8 path is from the exact one, summed over rows of logits.
class Distance {
  public:
    void add(std::span<const float> exact, std::span<const float> coarse) {
        const double normExact = logSumExp(exact);
        const double normCoarse = logSumExp(coarse);
        // What is added to all logits of a row means nothing.
        const double shift = mean(exact) - mean(coarse);
        const double center = mean(exact);
        for (std::size_t i = 0; i < exact.size(); ++i) {
            const double logP = exact[i] - normExact;
            m_kl += std::exp(static_cast<float>(logP)) * (logP - (coarse[i] - normCoarse));
            const double rest = static_cast<double>(exact[i]) - coarse[i] - shift;
            m_difference += rest * rest;
            m_size += (exact[i] - center) * (exact[i] - center);
        }
        ++m_rows;
    }

    double kl() const { return m_kl / m_rows; }
    double relError() const { return m_difference == 0 ? 0 : std::sqrt(m_difference / m_size); }

  private:
    static double mean(std::span<const float> x) {
        double sum = 0;
        for (const float value : x)
            sum += value;
        return sum / static_cast<double>(x.size());
    }

    double m_kl = 0;
    double m_difference = 0;
    double m_size = 0;
    std::uint32_t m_rows = 0;
};

/// What was measured in all steps is used where it pays: nobody asked for int8 itself.
Status settle(Executor& executor, ActivationFormat chosen) {
    INGLENOOK_TRY(executor.setActivations(chosen));
    if (chosen == ActivationFormat::Int8)
        executor.useInt8WhereFaster();
    return {};
}

} // namespace

std::vector<TokenId> activationTokens(const Tokenizer* tokenizer, std::uint32_t vocabularySize) {
    std::vector<TokenId> tokens;
    if (tokenizer != nullptr)
        tokens = tokenizer->encode(kText);
    std::erase_if(tokens, [&](TokenId token) {
        return token < 0 || static_cast<std::uint32_t>(token) >= vocabularySize;
    });
    if (tokens.empty()) {
        std::mt19937 random(1);
        for (std::uint32_t i = 0; i < kActivationTokens; ++i)
            tokens.push_back(static_cast<TokenId>(random() % std::max(vocabularySize, 1U)));
    }
    tokens.resize(std::min<std::size_t>(tokens.size(), kActivationTokens));
    return tokens;
}

Result<ActivationChoice> chooseActivations(Executor& executor, const ExecutorPlan& plan,
                                           const std::vector<TokenId>& tokens,
                                           std::chrono::milliseconds budget) {
    ActivationChoice choice;
    const bool open = plan.formats.activations == ActivationFormat::Auto &&
                      executor.formats().activations == ActivationFormat::Int8;
    // Page 0 is reserved; each path takes half of the others.
    const std::uint32_t pages = plan.pageCount > 0 ? (plan.pageCount - 1) / 2 : 0;
    const std::size_t count =
        std::min<std::size_t>({tokens.size(), plan.context, std::size_t{pages} * kPageTokens});
    if (!open || count == 0 || !executor.setActivations(ActivationFormat::BF16).ok())
        return choice;
    choice.chosen = ActivationFormat::BF16;
    const std::size_t least = executor.leastActivationRows();
    const std::size_t chunk =
        std::min(std::max<std::size_t>(kMeasuredRows, least), std::size_t{plan.maxBatchRows});
    if (std::min(chunk, count) < least) // what cannot be measured is not trusted
        return choice;

    const auto end = std::chrono::steady_clock::now() + budget;
    Path exact(executor, ActivationFormat::BF16, 1, pages);
    Path coarse(executor, ActivationFormat::Int8, 1 + pages, pages);
    Distance distance;
    while (choice.tokens + least <= count &&
           (choice.tokens == 0 || std::chrono::steady_clock::now() < end)) {
        const auto part =
            std::span(tokens).subspan(choice.tokens, std::min(chunk, count - choice.tokens));
        const Result<BatchResult> p = exact.run(part);
        if (!p)
            return p.status();
        const Result<BatchResult> q = coarse.run(part);
        if (!q)
            return q.status();
        for (std::size_t i = 0; i < p->rows.size() && i < q->rows.size(); ++i)
            distance.add(p->rows[i].logits, q->rows[i].logits);
        choice.tokens += static_cast<std::uint32_t>(part.size());
    }
    choice.kl = distance.kl();
    choice.relError = distance.relError();
    // Not "greater": what is not a number is no reason for int8.
    const bool harmless = choice.kl <= kMostActivationKl && choice.relError <= kMostActivationError;
    choice.chosen = harmless ? ActivationFormat::Int8 : ActivationFormat::BF16;
    INGLENOOK_TRY(settle(executor, choice.chosen));
    return choice;
}

Result<ActivationChoice> ActivationChoices::choose(const std::string& model, Executor& executor,
                                                   const ExecutorPlan& plan,
                                                   const Tokenizer* tokenizer,
                                                   std::uint32_t vocabularySize) {
    const NumberFormats formats = executor.formats();
    const std::string key = model + "/" + std::string(name(formats.weights)) + "-" +
                            std::string(name(formats.kv)) + "/" + executor.deviceName();
    const auto known = m_known.find(key);
    if (known == m_known.end()) {
        Result<ActivationChoice> choice =
            chooseActivations(executor, plan, activationTokens(tokenizer, vocabularySize));
        if (choice && choice->tokens > 0)
            m_known.emplace(key, *choice);
        return choice;
    }
    if (plan.formats.activations == ActivationFormat::Auto &&
        formats.activations == ActivationFormat::Int8)
        INGLENOOK_TRY(settle(executor, known->second.chosen));
    return known->second;
}

} // namespace engine
