#include "tests/support/hugging_face_folder.h"

#include <array>
#include <bit>
#include <cmath>
#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QStringList>
#include <QtEndian>

namespace tests {

namespace {

constexpr int kVocabulary = 320; // of every reference model

const QString kBegin = QStringLiteral("<｜begin▁of▁sentence｜>");
const QString kEnd = QStringLiteral("<｜end▁of▁sentence｜>");

QJsonObject readObject(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? QJsonDocument::fromJson(file.readAll()).object()
                                          : QJsonObject();
}

bool writeBytes(const QString& path, const QByteArray& bytes) {
    QFile file(path);
    return file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size();
}

bool writeObject(const QString& path, const QJsonObject& object) {
    return writeBytes(path, QJsonDocument(object).toJson());
}

/// GPT-2's table: a character that prints for every byte.
QString byteCharacter(int byte) {
    const bool prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    if (prints)
        return QString(QChar(byte));
    int place = 0; // among those that do not print
    for (int i = 0; i < byte; ++i)
        place += !((i >= 33 && i <= 126) || (i >= 161 && i <= 172) || i >= 174);
    return QString(QChar(256 + place));
}

struct Pair {
    const char* left;
    const char* right;
};
// "Ġ" is the blank of byte-level tables.
constexpr std::array kMerges = {Pair{"Ġ", "t"}, Pair{"h", "e"},   Pair{"i", "n"}, Pair{"r", "e"},
                                Pair{"Ġ", "a"}, Pair{"Ġt", "he"}, Pair{"e", "r"}, Pair{"o", "n"},
                                Pair{"Ġ", "s"}, Pair{"a", "t"},   Pair{"Ġ", "w"}, Pair{"n", "d"},
                                Pair{"Ġ", "o"}, Pair{"in", "g"},  Pair{"Ġ", "c"}, Pair{"Ġa", "nd"},
                                Pair{"1", "2"}, Pair{"12", "3"},  Pair{"ä", "½"}, Pair{"ä½", "ł"}};

/// Added tokens at the end of the table, as the published models have them.
QStringList addedTokens(PublishedModel model) {
    QStringList tokens{kEnd,
                       QStringLiteral("<｜User｜>"),
                       QStringLiteral("<｜Assistant｜>"),
                       kBegin,
                       QStringLiteral("<|EOT|>"),
                       QStringLiteral("<think>"),
                       QStringLiteral("</think>")};
    if (model == PublishedModel::R1_0528Qwen3_8B)
        tokens.append(QStringLiteral("<|im_end|>"));
    return tokens;
}

int idOf(PublishedModel model, const QString& added) {
    const QStringList tokens = addedTokens(model);
    return kVocabulary - int(tokens.size()) + int(tokens.indexOf(added));
}

QString splitRegex(PublishedModel model) {
    const QString digits =
        model == PublishedModel::R1DistillLlama8B ? QStringLiteral("{1,3}") : QString();
    return QStringLiteral(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})") +
           digits + QStringLiteral(R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
}

QJsonObject tokenizerJson(PublishedModel model) {
    const bool llama = model == PublishedModel::R1DistillLlama8B;
    QJsonObject vocabulary;
    int next = 0;
    for (int byte = 0; byte < 256; ++byte)
        vocabulary[byteCharacter(byte)] = next++;
    QJsonArray merges;
    for (const Pair& pair : kMerges) {
        const QString left = QString::fromUtf8(pair.left);
        const QString right = QString::fromUtf8(pair.right);
        vocabulary[left + right] = next++;
        // Tables of newer tokenizers hold pairs, older ones a line each.
        if (llama)
            merges.append(QJsonArray{left, right});
        else
            merges.append(left + QLatin1Char(' ') + right);
    }
    // No merges lead here: with ignore_merges it is taken whole, else never.
    vocabulary[QStringLiteral("Ġhello")] = next++;
    for (; next < kVocabulary - int(addedTokens(model).size()); ++next)
        vocabulary[QStringLiteral("filler%1").arg(next)] = next;
    QJsonArray added;
    for (const QString& token : addedTokens(model))
        added.append(QJsonObject{{"id", idOf(model, token)},
                                 {"content", token},
                                 {"single_word", false},
                                 {"lstrip", false},
                                 {"rstrip", false},
                                 {"normalized", false},
                                 {"special", !token.contains(QLatin1String("think"))}});
    const QJsonObject byteLevel{{"type", "ByteLevel"},
                                {"add_prefix_space", false},
                                {"trim_offsets", false},
                                {"use_regex", false}};
    const QJsonObject split{{"type", "Split"},
                            {"pattern", QJsonObject{{"Regex", splitRegex(model)}}},
                            {"behavior", "Isolated"},
                            {"invert", false}};
    return {{"version", "1.0"},
            {"truncation", QJsonValue::Null},
            {"padding", QJsonValue::Null},
            {"added_tokens", added},
            {"normalizer",
             llama ? QJsonValue(QJsonValue::Null) : QJsonValue(QJsonObject{{"type", "NFC"}})},
            {"pre_tokenizer",
             QJsonObject{{"type", "Sequence"}, {"pretokenizers", QJsonArray{split, byteLevel}}}},
            {"post_processor", byteLevel},
            {"decoder", byteLevel},
            {"model", QJsonObject{{"type", "BPE"},
                                  {"dropout", QJsonValue::Null},
                                  {"unk_token", QJsonValue::Null},
                                  {"continuing_subword_prefix", QJsonValue::Null},
                                  {"end_of_word_suffix", QJsonValue::Null},
                                  {"fuse_unk", false},
                                  {"byte_fallback", false},
                                  {"ignore_merges", llama},
                                  {"vocab", vocabulary},
                                  {"merges", merges}}}};
}

QJsonObject tokenizerConfig(const QString& chatTemplate) {
    const auto token = [](const QString& content) {
        return QJsonObject{{"__type", "AddedToken"}, {"content", content}, {"lstrip", false},
                           {"normalized", true},     {"rstrip", false},    {"single_word", false}};
    };
    // Also the Qwen ones call themselves LlamaTokenizerFast.
    return {{"add_bos_token", true},
            {"add_eos_token", false},
            {"bos_token", token(kBegin)},
            {"clean_up_tokenization_spaces", false},
            {"eos_token", token(kEnd)},
            {"legacy", true},
            {"model_max_length", 16384},
            {"pad_token", token(kEnd)},
            {"sp_model_kwargs", QJsonObject()},
            {"unk_token", QJsonValue::Null},
            {"tokenizer_class", "LlamaTokenizerFast"},
            {"chat_template", chatTemplate}};
}

/// The reference model's numbers under the published model's keys.
QJsonObject configJson(PublishedModel model, RopeForm form, const QJsonObject& reference) {
    QJsonObject config = reference;
    for (const char* key : {"dtype", "layer_types", "pad_token_id", "pretraining_tp"})
        config.remove(QLatin1String(key));
    const QJsonObject rope = config.take(QLatin1String("rope_parameters")).toObject();
    config["torch_dtype"] = "bfloat16";
    config["bos_token_id"] = idOf(model, kBegin);
    config["eos_token_id"] = idOf(model, kEnd);
    if (form == RopeForm::RopeParameters)
        config["rope_parameters"] = rope;
    else
        config["rope_theta"] = rope["rope_theta"];
    switch (model) {
    case PublishedModel::R1DistillLlama8B: {
        config.remove(QLatin1String("head_dim")); // 4.43 derives it
        config["pretraining_tp"] = 1;
        config["transformers_version"] = "4.43.0.dev0";
        QJsonObject scaling = rope;
        scaling.remove(QLatin1String("rope_theta"));
        if (form == RopeForm::Published)
            config["rope_scaling"] = scaling;
        break;
    }
    case PublishedModel::R1DistillQwen1_5B:
        config["bos_token_id"] = idOf(model, kEnd); // as published; the tokenizer knows better
        config["max_window_layers"] = 21;
        config["sliding_window"] = 4096;
        config["use_mrope"] = false;
        config["transformers_version"] = "4.44.0";
        break;
    case PublishedModel::R1_0528Qwen3_8B:
        config["bos_token_id"] = idOf(model, kEnd);
        config["eos_token_id"] = idOf(model, QStringLiteral("<|im_end|>"));
        config["transformers_version"] = "4.51.0";
        if (form == RopeForm::Published)
            config["rope_scaling"] = QJsonObject{
                {"rope_type", "yarn"},
                {"factor", rope["factor"]},
                {"original_max_position_embeddings", rope["original_max_position_embeddings"]},
                {"attn_factor", 0.8782488562869419}};
        break;
    }
    return config;
}

QJsonObject generationConfig(PublishedModel model) {
    const int end = idOf(model, kEnd);
    const QJsonValue ends =
        model == PublishedModel::R1_0528Qwen3_8B
            ? QJsonValue(QJsonArray{idOf(model, QStringLiteral("<|im_end|>")), end})
            : QJsonValue(end);
    return {{"_from_model_config", true},
            {"bos_token_id", idOf(model, kBegin)},
            {"eos_token_id", ends},
            {"do_sample", true},
            {"temperature", 0.6},
            {"top_p", 0.95},
            {"transformers_version", "4.39.3"}};
}

float fromBf16(quint16 bits) {
    return std::bit_cast<float>(quint32(bits) << 16);
}

/// Moves a matrix of bf16 to the grid; 7 bits and a sign lose nothing in bf16.
void snap(const QJsonObject& entry, QByteArray& data) {
    if (entry["shape"].toArray().size() != 2 || entry["dtype"].toString() != QLatin1String("BF16"))
        return;
    const QJsonArray range = entry["data_offsets"].toArray();
    auto* values = reinterpret_cast<quint16*>(data.data() + range[0].toInteger());
    const qint64 count = (range[1].toInteger() - range[0].toInteger()) / 2;
    constexpr int kGroup = 32;
    for (qint64 first = 0; first + kGroup <= count; first += kGroup) {
        qint64 largest = first;
        for (qint64 i = first; i < first + kGroup; ++i)
            if (std::fabs(fromBf16(values[i])) > std::fabs(fromBf16(values[largest])))
                largest = i;
        const float most = std::fabs(fromBf16(values[largest]));
        const float step = most > 0 ? std::exp2(std::ceil(std::log2(most / 127))) : 1;
        for (qint64 i = first; i < first + kGroup; ++i) {
            const float value = fromBf16(values[i]);
            const float steps =
                i == largest ? std::copysign(127.0F, value) : std::round(value / step);
            values[i] = quint16(std::bit_cast<quint32>(steps * step) >> 16);
        }
    }
}

/// One safetensors file of the tensors named, their bytes moved together.
QByteArray shard(const QJsonObject& header, const QByteArray& data, const QStringList& names) {
    QJsonObject own{{"__metadata__", QJsonObject{{"format", "pt"}}}};
    QByteArray bytes;
    for (const QString& name : names) {
        QJsonObject entry = header[name].toObject();
        const QJsonArray range = entry["data_offsets"].toArray();
        const auto from = qsizetype(range[0].toInteger());
        const auto to = qsizetype(range[1].toInteger());
        entry["data_offsets"] =
            QJsonArray{qint64(bytes.size()), qint64(bytes.size()) + qint64(to - from)};
        own[name] = entry;
        bytes += data.mid(from, to - from);
    }
    QByteArray text = QJsonDocument(own).toJson(QJsonDocument::Compact);
    text.append(QByteArray((8 - text.size() % 8) % 8, ' '));
    QByteArray length(8, '\0');
    qToLittleEndian<quint64>(quint64(text.size()), length.data());
    return length + text + bytes;
}

bool writeShards(const QString& source, const QString& folder, Weights weights) {
    QFile file(source);
    if (!file.open(QIODevice::ReadOnly))
        return false;
    const QByteArray bytes = file.readAll();
    const auto headerSize = qsizetype(qFromLittleEndian<quint64>(bytes.constData()));
    const QJsonObject header = QJsonDocument::fromJson(bytes.mid(8, headerSize)).object();
    QByteArray data = bytes.mid(8 + headerSize);
    QStringList names = header.keys();
    names.removeAll(QStringLiteral("__metadata__"));
    if (weights == Weights::OnInt8Grid)
        for (const QString& name : names)
            snap(header[name].toObject(), data);
    QJsonObject map;
    for (int part = 0; part < 2; ++part) {
        const QString name = QStringLiteral("model-0000%1-of-00002.safetensors").arg(part + 1);
        const QStringList mine =
            part == 0 ? names.mid(0, names.size() / 2) : names.mid(names.size() / 2);
        for (const QString& tensor : mine)
            map[tensor] = name;
        if (!writeBytes(folder + QLatin1Char('/') + name, shard(header, data, mine)))
            return false;
    }
    return writeObject(
        folder + QStringLiteral("/model.safetensors.index.json"),
        {{"metadata", QJsonObject{{"total_size", qint64(data.size())}}}, {"weight_map", map}});
}

} // namespace

bool writeHuggingFaceFolder(PublishedModel model, RopeForm form, Weights weights,
                            const QString& reference, const QString& templateFile,
                            const QString& folder) {
    QFile chatTemplate(templateFile);
    const QJsonObject config = readObject(reference + QStringLiteral("/config.json"));
    return QDir().mkpath(folder) && !config.isEmpty() && chatTemplate.open(QIODevice::ReadOnly) &&
           writeObject(folder + QStringLiteral("/config.json"), configJson(model, form, config)) &&
           writeObject(folder + QStringLiteral("/generation_config.json"),
                       generationConfig(model)) &&
           writeObject(folder + QStringLiteral("/tokenizer.json"), tokenizerJson(model)) &&
           writeObject(folder + QStringLiteral("/tokenizer_config.json"),
                       tokenizerConfig(QString::fromUtf8(chatTemplate.readAll()))) &&
           writeShards(reference + QStringLiteral("/model.safetensors"), folder, weights);
}

} // namespace tests
