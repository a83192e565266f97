-- ARGV: seconds to live, call, number of done frames, their indexes, then index and dead letter of each
-- failed one. Returns 1 when that completes the job.

local total = known_total()
if not total then
    return 0
end
-- The first write, see renew().
redis.call('EXPIRE', JOB, ARGV[1])
local has_failed = tonumber(redis.call('HGET', JOB, 'failed')) > 0
local done, failed = 0, 0
local last_done = 3 + tonumber(ARGV[3])
for i = 4, last_done do
    local index = ARGV[i]
    if is_recorded(index, total) and redis.call('SETBIT', DONE, index, 1) == 0 then
        done = done + 1
        drop_attempt(index)
        if has_failed and redis.call('SETBIT', FAILED, index, 0) == 1 then
            failed = failed - 1
            redis.call('HDEL', DEAD, index)
        end
    end
end
for i = last_done + 1, #ARGV, 2 do
    local index = ARGV[i]
    if is_recorded(index, total) and redis.call('GETBIT', DONE, index) == 0
            and redis.call('SETBIT', FAILED, index, 1) == 0 then
        failed = failed + 1
        drop_attempt(index)
        redis.call('HSET', DEAD, index, now() .. ' ' .. ARGV[i + 1])
    end
end
if done ~= 0 or failed ~= 0 then
    redis.call('HINCRBY', JOB, 'done', done)
    redis.call('HINCRBY', JOB, 'failed', failed)
    redis.call('HSET', JOB, 'moved_at', now())
end
renew(ARGV[1])
return complete(ARGV[2])
