#pragma once
// SettingsValues: everything that can be set, as plain values with their defaults. What each one is
// called, does and may be stands in settings_table.h.

#include "app/overflow_choice.h"
#include "app/sampling_values.h"

#include <QMetaType>
#include <QString>
#include <QStringList>

namespace app {

enum class ThemeChoice { System, Light, Dark };
enum class SendKey { Enter, CtrlEnter };
/// Which answers of the desktop may come from the response cache: none, those that would come out
/// the same again (seeded or greedy), all.
enum class ResponseUse { Never, Repeatable, Always };

/// How prompts share steps with running answers: engine::BatchingSettings.
struct BatchingValues {
    int gatherThreshold = 10; // prompts
    int gatherWindow_ms = 50;
    int targetItl_ms = 60; // 0 = only the ratio
    double maxItlRatio = 2.5;
    int aloneStep_ms = 400;
    int chunkTokens = 0; // 0 = as the target allows

    bool operator==(const BatchingValues&) const = default;
};

/// A pair of token buckets; 0 = no limit, or one minute of refill.
struct RateValues {
    double tokensPerSecond = 0;
    double tokenCapacity = 0;
    double requestsPerMinute = 0;
    double requestCapacity = 0;

    bool operator==(const RateValues&) const = default;
};

/// The shipped circuit breaker: engine::overloadRule().
struct BreakerValues {
    bool enabled = true;
    QString metric = QStringLiteral("gpu.utilization");
    QString comparison = QStringLiteral("above"); // or "below"
    double value = 90;
    int duration_s = 60;
    double queueWait_s = 2; // only while the queue's P95 is above; 0 = not asked
    int waiting = 10;       // ... or while more wait; 0 = not asked
    QString lastAction = QStringLiteral("refuse_api"); // or "hold_batch"
    int pause_s = 30;
    bool bareRule = false; // the preset: utilization alone

    bool operator==(const BreakerValues&) const = default;
};

/// Who is let in, in which order: engine::AdmissionSettings.
struct AdmissionValues {
    RateValues global;
    RateValues perClient;
    int maxWaiting = 256;
    int maxWaitingPerClient = 128;
    int aging_s = 20;
    int overdueShare = 4;
    int maxPromptTokens = 0; // 0 = the context
    int maxAnswerTokens = 0; // 0 = the context
    int maxTime_s = 3600;    // 0 = none
    BreakerValues breaker;

    bool operator==(const AdmissionValues&) const = default;
};

struct CacheValues {
    bool prefixes = true;         // computed beginnings of prompts serve later ones
    bool recomputeAnswers = true; // without their reasoning, while they are read
    bool prewarm = true;          // system prompts, when a model has been loaded
    ResponseUse responses = ResponseUse::Repeatable;
    int responseLife_h = 24;
    int responseMemory_mb = 32;
    int responseDisk_mb = 256;

    bool operator==(const CacheValues&) const = default;
};

/// Where models come from. An empty endpoint is the hub's own.
struct DownloadValues {
    QString hub = QStringLiteral("huggingface"); // see hubKey()
    QString huggingFace;                         // endpoints
    QString hfMirror;
    QString modelScope;
    QString proxy;        // empty = the system's, "none", http://host:port, socks5://host:port
    int limit_kb_s = 0;   // 0 = as fast as it comes
    int keptVersions = 2; // older versions of a downloaded model

    bool operator==(const DownloadValues&) const = default;
};

struct SettingsValues {
    QString language; // "en", "zh_CN"; empty = the system's
    ThemeChoice theme = ThemeChoice::System;
    SendKey sendKey = SendKey::Enter;
    int fontZoom = 100; // percent
    bool expandReasoning = false;
    bool autoloadModel = true;
    QString lastModel;        // path
    QStringList recentModels; // paths, newest first, at most 12
    QString weights;          // formats and device the last model was loaded with, empty = auto
    QString activations;
    QString kv;
    QString device; // auto, cpu, cuda
    QString gpus;   // "0,1", "0=60,1=40"; empty = the first
    QString split;  // auto, tensor, layer, replicas
    int contextTokens = 0;
    int slotCount = 0;    // sequences that run together; 0 = the engine's
    int kvTokens = 0;     // that all sequences hold together; 0 = as memory allows
    int idleUnload_s = 0; // 0 = never
    BatchingValues batching;
    AdmissionValues admission;
    CacheValues caches;
    OverflowChoice overflow = OverflowChoice::Stop; // of chats that say nothing else
    QString systemPrompt;                           // of chats that say nothing else
    bool samplingOverridden = false;                // false: the model's published defaults
    SamplingValues sampling;
    bool randomSeed = true;
    bool apiEnabled = false; // the API listens while the desktop runs
    QString apiHost = QStringLiteral("127.0.0.1");
    int apiPort = 8484;
    QStringList apiHosts;   // further names of this computer that requests may use
    QStringList apiOrigins; // web pages that may ask
    DownloadValues downloads;
    int trashDays = 30; // a deleted chat can be brought back for so long

    bool operator==(const SettingsValues&) const = default;
};

} // namespace app

Q_DECLARE_METATYPE(app::SettingsValues)
